import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtBinary } from '../build/binary.ts'
import { bench } from './bench.ts'
import { debianPrograms, type Peer } from './debian-programs.ts'
import { interleave, type Way } from './interleave.ts'
import { npmProgramPath, npmPrograms } from './npm-programs.ts'
import { compare, type Goal, type Row, skip } from './row.ts'
import { chain, type Graph, independent, type Runner, writeGraph } from './task-graphs.ts'

/**
 * What kedge itself costs for each task: 1,000 that do nothing, all at once and, 300 of them, one after the other, with journal,
 * logs and checks as always: `bun test/bench/tasks.ts [ROUNDS]`.
 */
const debian = {
  ninja: { package: 'ninja-build', version: ['ninja', '--version'] },
  make: { package: 'make', version: ['make', '--version'] },
} as const
const fromNpm = ['just', 'moon', 'turbo'] as const
type Rival = keyof typeof debian | (typeof fromNpm)[number]

export async function taskRows(rounds: number): Promise<readonly Row[]> {
  const peers = { ...(await debianPrograms(debian)), ...(await npmPrograms(fromNpm)) }
  const binary = process.env.KEDGE_BENCH_KEDGE ?? builtBinary()
  const folder = mkdtempSync(join(tmpdir(), 'kedge-bench-'))
  const all = [...Object.keys(debian), ...fromNpm] as Rival[]
  try {
    const measure = (work: Work) => rowsOf(work, { binary, folder, peers, rounds: work.rounds ?? rounds })
    const atMost = (factor: number) => ({ atMost: factor })
    return [
      ...(await measure({
        what: '1,000 one-liners `true`',
        graph: independent(1000),
        ours: 'kedge',
        rivals: all,
        goals: { ninja: atMost(1.5) },
      })),
      ...(await measure({
        what: 'a chain of 300 one-liners',
        graph: chain(300),
        ours: 'kedge',
        rivals: all,
        goals: { ninja: atMost(1.5) },
      })),
      ...(await measure({
        what: '1,000 zx scripts',
        graph: independent(1000),
        ours: 'kedge, zx scripts',
        rivals: ['ninja'],
        goals: { ninja: atMost(3) },
        rounds: 1,
      })),
    ]
  } finally {
    // Not between rounds: where many files were just removed, ext4 is slow to make new ones, for a while.
    rmSync(folder, { recursive: true, force: true })
  }
}

type Work = {
  readonly what: string
  readonly graph: Graph
  readonly ours: Runner
  readonly rivals: readonly Rival[]
  readonly goals: Partial<Record<Rival, Goal>>
  readonly rounds?: number
}
type Place = {
  readonly binary: string
  readonly folder: string
  readonly peers: Readonly<Record<Rival, Peer>>
  readonly rounds: number
}

let places = 0

async function rowsOf(work: Work, { binary, folder, peers, rounds }: Place): Promise<readonly Row[]> {
  const wayOf = (runner: Runner, words: (round: number) => readonly string[]): Way => {
    const here = join(folder, `${++places}`)
    writeGraph(here, runner, work.graph)
    let round = 0
    return () => run(words(++round), here)
  }
  const last = `t${work.graph.count - 1}`
  const names = Array.from({ length: work.graph.count }, (_, task) => `t${task}`)
  const words: Record<Rival, readonly string[]> = {
    ninja: ['ninja', '--quiet'],
    make: ['make', '-s', `-j${navigator.hardwareConcurrency}`, 'all'],
    just: [npmProgramPath('just'), work.graph.needs(1).length > 0 ? last : 'all'],
    moon: [npmProgramPath('moon'), 'run', 'bench:all'],
    turbo: [npmProgramPath('turbo'), 'run', ...(work.graph.needs(1).length > 0 ? [last] : names)],
  }
  const present = work.rivals.filter((name) => peers[name].isThere)
  const ways: Record<string, Way> = {
    // A lab that is built for the first time: a state of its own each time.
    kedge: wayOf(work.ours, (round) => [binary, '--state', `state-${round}`, 'run', 'all']),
    // ninja has nothing to compare with either: no file is ever made.
    ...Object.fromEntries(present.map((name) => [name, wayOf(name, () => words[name])])),
  }
  const slow = (['moon', 'turbo'] as const).filter((name) => name in ways)
  const fast = Object.fromEntries(Object.entries(ways).filter(([name]) => !slow.includes(name as 'moon')))
  const seconds: Record<string, readonly number[]> = {
    ...(await interleave(fast, { rounds, warmUps: rounds > 1 ? 1 : 0 })),
  }
  // Tens of seconds each: once is enough to see by how much.
  const slowWays = Object.fromEntries(slow.map((name) => [name, ways[name] as Way]))
  Object.assign(seconds, await interleave(slowWays, { rounds: 1, warmUps: 0 }))
  return work.rivals.map((name) => {
    const peer = peers[name]
    if (!peer.isThere) return skip(work.what, name, peer.why)
    const theirs = seconds[name] ?? []
    const goal = work.goals[name]
    return compare({ what: work.what, against: `${name} ${peer.version}`, ours: seconds.kedge ?? [], theirs, goal })
  })
}

async function run(words: readonly string[], cwd: string): Promise<void> {
  const env = {
    // turbo starts each task with the program that package.json names.
    PATH: `${join(import.meta.dir, '../../node_modules/.bin')}:/usr/local/bin:/usr/bin:/bin`,
    HOME: join(cwd, 'home'),
    TURBO_TELEMETRY_DISABLED: '1',
    MOON_TOOLCHAIN_FORCE_GLOBALS: 'true',
  }
  const child = Bun.spawn([...words], { cwd, env, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const [complaint, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (exitCode !== 0) throw new Error(`${words[0]} ended with ${exitCode}:\n${complaint.slice(-2000)}`)
}

if (import.meta.main) await bench(([rounds = '3']) => taskRows(Number(rounds)))
