import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { builtBinary, resultOf } from '../build/binary.ts'
import { homeOf, keyOf } from '../lab/containers/containers.ts'
import { down, up } from '../lab/containers/ground.ts'
import { containers } from '../lab/containers/lab-file.ts'
import { labFilePath } from '../lab/ground.ts'
import { type Lab, labFrom } from '../lab/lab.ts'
import { inside } from '../lab/namespace.ts'
import { known } from '../topology/known.ts'
import { bench } from './bench.ts'
import { debianPrograms } from './debian-programs.ts'
import { nodesWork, noteOfWork, type Turn } from './deployment/nodes-work.ts'
import { makePieces } from './deployment/pieces.ts'
import { compare, type Row, skip } from './row.ts'

/**
 * The reference lab's deployment by kedge, by a sequential script and by an Ansible playbook, each on nodes of its own that are made
 * anew, in turn: `bun test/bench/deployment.ts [ROUNDS]`. Then the same command again, where there is nothing left to do. The nodes
 * are system containers with stand-ins for Kubernetes' and KubeEdge's programs; `KEDGE_BUNDLE` names a bundle with real ones.
 */
const goals = { script: { atLeast: 2.5 }, ansible: { atLeast: 1.5 }, again: { atLeast: 20 }, path: { atMost: 1.05 } }
const againTurns = 2
const folder = join(import.meta.dir, 'deployment')

type Way = 'kedge' | 'script' | 'ansible'
type Figures = Record<Way, { readonly first: Turn[]; readonly again: Turn[] }>
/** Another round begins only where it is likely to end in time. */
const mostMinutes = 5

export async function deploymentRows(rounds: number): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) return skipAll('it makes nodes of this machine: needs root')
  const { 'ansible-playbook': ansible } = await debianPrograms({
    'ansible-playbook': { package: 'ansible-core', version: ['ansible', '--version'] },
  })
  const ways: readonly Way[] = ansible.isThere ? ['kedge', 'script', 'ansible'] : ['kedge', 'script']
  const lab = labFrom({ ...process.env, KEDGE_LAB_NAME: process.env.KEDGE_LAB_NAME ?? 'kedge-bench' })
  const program = process.env.KEDGE_BENCH_KEDGE ?? builtBinary()
  const figures: Figures = {
    kedge: { first: [], again: [] },
    script: { first: [], again: [] },
    ansible: { first: [], again: [] },
  }
  const paths: number[] = []
  const take = async (way: Way, turn: 'first' | 'again') => {
    figures[way][turn].push(await measured(lab, commandOf(way, lab, program)))
  }
  const stop = () => void down(lab).finally(() => process.exit(130))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  const began = performance.now()
  const isInTime = (round: number) => ((performance.now() - began) * (round + 1)) / round < mostMinutes * 60_000
  try {
    for (let round = 0; round < rounds && (round === 0 || isInTime(round)); round++) {
      for (let turn = 0; turn < ways.length; turn++) {
        const way = ways[(round + turn) % ways.length] as Way
        await down(lab)
        await up(lab)
        makeSettings(lab)
        await take(way, 'first')
        if (way === 'kedge') paths.push(await criticalPath(lab, program))
        for (let time = 0; time < againTurns; time++) await take(way, 'again')
      }
    }
  } finally {
    await down(lab)
  }
  const [what, again] = ['the deployment', 'the same command again']
  const secondsOf = (way: Way, turn: 'first' | 'again') => figures[way][turn].map(({ seconds }) => seconds)
  const noteOf = (turn: 'first' | 'again') => noteOfWork(ways.map((way) => [way, figures[way][turn]]))
  const version = ansible.isThere ? `Ansible ${ansible.version}` : 'Ansible'
  const row = (of: string, against: string, turn: 'first' | 'again', way: Way, goal?: Row['goal']) =>
    figures[way][turn].length > 0
      ? compare({
          what: of,
          against,
          ours: secondsOf('kedge', turn),
          theirs: secondsOf(way, turn),
          goal,
          note: noteOf(turn),
        })
      : skip(of, against, ansible.isThere ? 'it did not run' : ansible.why)
  return [
    compare({ what, against: 'its critical path', ours: secondsOf('kedge', 'first'), theirs: paths, goal: goals.path }),
    row(what, 'a sequential script', 'first', 'script', goals.script),
    row(what, version, 'first', 'ansible', goals.ansible),
    row(again, 'a sequential script', 'again', 'script'),
    row(again, version, 'again', 'ansible', goals.again),
  ]
}

const skipAll = (why: string): readonly Row[] => [
  ...['its critical path', 'a sequential script', 'Ansible'].map((against) => skip('the deployment', against, why)),
  skip('the same command again', 'Ansible', why),
]

const workOf = (lab: Lab) => join(lab.folder, 'bench')

function commandOf(way: Way, lab: Lab, program: string): readonly string[] {
  const work = workOf(lab)
  if (way === 'kedge') return [program, 'run', 'all']
  if (way === 'script') return ['bash', join(folder, 'sequential.sh'), work]
  return ['ansible-playbook', '-i', join(work, 'inventory'), '-e', `work=${work}`, join(folder, 'playbook.yaml')]
}

/** Runs inside the lab's network; who fails is not faster. */
async function measured(lab: Lab, command: readonly string[]): Promise<Turn> {
  const before = nodesWork()
  const began = performance.now()
  const { exitCode, stdout, stderr, ownWork } = await runInside(lab, command)
  const seconds = (performance.now() - began) / 1000
  const after = nodesWork()
  const cpuSeconds = before === undefined || after === undefined ? undefined : after - before + ownWork
  const busy = cpuSeconds === undefined ? '' : `${cpuSeconds.toFixed(1)} s of CPU  `
  console.error(`${seconds.toFixed(1).padStart(8)} s  ${busy}${command.slice(0, 2).join(' ')}`)
  if (exitCode !== 0)
    throw new Error(`${command.join(' ')}: exit code ${exitCode}\n${`${stdout}${stderr}`.slice(-4000)}`)
  return { seconds, cpuSeconds }
}

async function runInside(lab: Lab, command: readonly string[]) {
  const child = Bun.spawn(inside(lab.name, command), {
    cwd: lab.folder,
    env: { ...process.env, HOME: homeOf(lab), ANSIBLE_CONFIG: join(workOf(lab), 'ansible.cfg') },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const result = await resultOf(child)
  const { cpuTime } = child.resourceUsage() ?? {}
  return { ...result, ownWork: Number(cpuTime?.total ?? 0) / 1e6 }
}

async function criticalPath(lab: Lab, program: string): Promise<number> {
  const { stdout } = await runInside(lab, [program, 'report', '--format', 'json'])
  return (JSON.parse(stdout) as { criticalPath: { seconds: number } }).criticalPath.seconds
}

function makeSettings(lab: Lab): void {
  const work = workOf(lab)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(join(work, 'sockets'), { recursive: true })
  makePieces(topologyOf(lab), join(lab.folder, 'bundle'), join(work, 'pieces'))
  const hosts = containers.map(({ name, networks }) =>
    [`Host ${name}`, `HostName ${Object.values(networks)[0]?.split('/')[0]}`].join('\n  '),
  )
  const common = [
    'Host *',
    'User root',
    `IdentityFile ${keyOf(lab)}`,
    `UserKnownHostsFile ${join(homeOf(lab), '.ssh/known_hosts')}`,
    'BatchMode yes',
    'LogLevel ERROR',
    'ControlMaster auto',
    `ControlPath ${join(work, 'sockets/%n')}`,
    'ControlPersist 60s',
  ]
  writeFileSync(join(work, 'ssh_config'), `${[...hosts, common.join('\n  ')].join('\n')}\n`)
  const inventory = [
    '[master]',
    'master',
    '[worker]',
    'worker',
    '[edge]',
    'edge-1',
    'edge-2',
    '[cloud]',
    'master',
    'worker',
  ]
  writeFileSync(join(work, 'inventory'), `${inventory.join('\n')}\n`)
  const ansible = [
    '[defaults]',
    'forks = 20',
    'gathering = explicit',
    'interpreter_python = /usr/bin/python3',
    '[ssh_connection]',
    'pipelining = True',
    // Its own connections are the script's: by the same names, kept in the same way.
    `ssh_args = -F ${join(work, 'ssh_config')} -o ControlMaster=auto -o ControlPersist=60s`,
    `control_path = ${join(work, 'sockets')}/%%n`,
  ]
  writeFileSync(join(work, 'ansible.cfg'), `${ansible.join('\n')}\n`)
}

function topologyOf(lab: Lab): Topology {
  const file = labFilePath(lab)
  const loaded = loadTopology(readFileSync(file, 'utf8'), file, known)
  if (!loaded.ok) throw new Error(loaded.problems.map(({ line, message }) => `${line}: ${message}`).join('\n'))
  return loaded.topology
}

if (import.meta.main) await bench(([rounds = '2']) => deploymentRows(Number(rounds)))
