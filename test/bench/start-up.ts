import { builtBinary } from '../build/binary.ts'
import { bench } from './bench.ts'
import { debianPrograms } from './debian-programs.ts'
import { interleave, type Way } from './interleave.ts'
import { npmProgramPath, npmPrograms } from './npm-programs.ts'
import { compare, type Row, skip } from './row.ts'

/** How long a program takes to say its version: `bun test/bench/start-up.ts [ROUNDS]`. */
const debian = {
  make: { package: 'make', version: ['make', '--version'] },
  ninja: { package: 'ninja-build', version: ['ninja', '--version'] },
} as const
const fromNpm = ['just', 'deno'] as const

const perTurn = 10

export async function startUpRows(rounds: number): Promise<readonly Row[]> {
  const what = '`kedge version`, warm'
  const peers = { ...(await debianPrograms(debian)), ...(await npmPrograms(fromNpm)) }
  const ways: Record<string, Way> = { kedge: () => version(process.env.KEDGE_BENCH_KEDGE ?? builtBinary(), 'version') }
  for (const name of ['make', 'ninja'] as const) if (peers[name].isThere) ways[name] = () => version(name)
  for (const name of fromNpm) if (peers[name].isThere) ways[name] = () => version(npmProgramPath(name))
  const milliseconds = await interleave(ways, { rounds })
  const ours = milliseconds.kedge ?? []
  return [
    compare({ what, against: 'a limit', unit: 'ms', ours, theirs: [5], goal: { atMost: 1 } }),
    ...Object.entries(peers).map(([name, peer]) => {
      if (!peer.isThere) return skip(what, name, peer.why)
      const theirs = milliseconds[name] ?? []
      const goal = name === 'make' ? { atMost: 5 } : undefined
      return compare({ what, against: `${name} ${peer.version}`, unit: 'ms', ours, theirs, goal })
    }),
  ]
}

/** In milliseconds; a shell starts them, since it does so at less cost than this process. */
async function version(program: string, word = '--version'): Promise<number> {
  const script = `i=0; while [ $i -lt ${perTurn} ]; do "$1" "$2" >/dev/null; i=$((i+1)); done`
  const began = performance.now()
  const child = Bun.spawn(['sh', '-c', script, 'sh', program, word], { stdin: 'ignore', stdout: 'ignore' })
  if ((await child.exited) !== 0) throw new Error(`${program} ${word} failed`)
  return (performance.now() - began) / perTurn
}

if (import.meta.main) await bench(([rounds = '9']) => startUpRows(Number(rounds)))
