import { join } from 'node:path'
import { bench } from './bench.ts'
import { interleave } from './interleave.ts'
import { compare, type Row } from './row.ts'

/** A plan of 10,000 nodes × 17 tasks, each in a process of its own: `bun test/bench/planning.ts [ROUNDS]`. */
type Figures = { readonly seconds: number; readonly loadSeconds: number; readonly peakMiB: number }

export async function planningRows(rounds: number): Promise<readonly Row[]> {
  const big: Figures[] = []
  const seconds = await interleave(
    {
      '1,000': async () => (await plan(1000)).seconds,
      '10,000': async () => {
        big.push(await plan(10_000))
        return big.at(-1)?.seconds
      },
    },
    { rounds },
  )
  const measured = big.slice(-rounds)
  const what = 'planning 10,000 nodes × 17 tasks'
  const ours = seconds['10,000']
  const tenfold = seconds['1,000'].map((each) => 10 * each)
  const limit = { goal: { atMost: 1 }, against: 'a limit' }
  const peaks = measured.map(({ peakMiB }) => peakMiB)
  const whole = measured.map(({ seconds: planned, loadSeconds }) => planned + loadSeconds)
  return [
    compare({ what, against: '10 × itself at 1,000', ours, theirs: tenfold, goal: { atMost: 1.2 } }),
    compare({ what, ...limit, ours, theirs: [2] }),
    compare({ what: `${what}, memory`, unit: 'MiB', ...limit, ours: peaks, theirs: [1024] }),
    compare({
      what: 'the same, with its 10,000 lines of YAML read and checked first',
      against: 'the planning alone',
      ours: whole,
      theirs: ours,
    }),
  ]
}

async function plan(nodes: number): Promise<Figures> {
  const words = [process.execPath, join(import.meta.dir, 'programs/plan.ts'), `${nodes}`]
  const child = Bun.spawn(words, { stdin: 'ignore', stdout: 'pipe' })
  return (await child.stdout.json()) as Figures
}

if (import.meta.main) await bench(([rounds = '5']) => planningRows(Number(rounds)))
