import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type QuickQuestion, quickLook } from '../../lib/doctor/quick-look.ts'
import { TaskError } from '../../lib/event/failure.ts'
import { type Rule, scriptedConnection } from '../../lib/host/scripted.ts'
import type { Node, Topology } from '../../lib/topology/topology.ts'
import { lab } from '../machine/lab-for-tests.ts'
import { stateFolder } from '../machine/scripted-context.ts'
import { hypervisorRules, pi, type Said, server } from './says.ts'

// A busy machine takes its time, also for scripted hosts.
setDefaultTimeout(30_000)

const tight = { ...server, hostMemory: 'MemTotal 8000000\nMemAvailable 6000000\nSwapFree 0' }
const machine = (port: number): Node['machine'] => ({ kind: 'existing', ssh: { host: '10.0.0.7', port, user: 'pi' } })
/** Two Pis for edges. */
const withPis: Topology = {
  ...lab,
  nodes: lab.nodes.map((node, at) => (node.role === 'edge' ? { ...node, machine: machine(at) } : node)),
}
const ids = (...own: readonly (string | Rule[1])[]): Readonly<Record<string, readonly Rule[]>> =>
  Object.fromEntries(own.map((id, at) => [`edge-${at + 1}`, [['cat /etc/machine-id', id]]]))

async function look(
  rules: Readonly<Record<string, readonly Rule[]>>,
  {
    topology = lab,
    tasks = ['create-networks', 'create-vms'],
    nodes = topology.nodes.map(({ name }) => name),
    ...more
  }: {
    topology?: Topology
    tasks?: readonly string[]
    nodes?: readonly string[]
  } & Partial<Omit<QuickQuestion, 'topology' | 'tasks' | 'nodes'>> = {},
) {
  const hosts = new Map<string, ReturnType<typeof scriptedConnection>>()
  const groups = await quickLook({
    topology,
    connection({ name }) {
      const host = hosts.get(name) ?? scriptedConnection({ name, rules: rules[name] ?? [] })
      hosts.set(name, host)
      return host
    },
    stateFolder: stateFolder(),
    signal: new AbortController().signal,
    nodes: new Set(nodes),
    tasks: new Set(tasks),
    ...more,
  })
  const found = groups.flatMap(({ host, findings }) => findings.map(({ state, what }) => `${state} ${host}: ${what}`))
  return { found, commands: [...hosts.values()].flatMap(({ commands }) => commands) }
}

const hypervisor = (said: Said, defined = ''): Readonly<Record<string, readonly Rule[]>> => ({
  hypervisor: [[/ list --all --name/, defined], ...hypervisorRules(said)],
})

describe('before VMs are made', () => {
  test('a fit hypervisor: nothing to say, after two round trips', async () => {
    const { found, commands } = await look(hypervisor(server))
    expect(found).toEqual([])
    expect(commands).toHaveLength(2)
  })

  test('one that cannot hold them', async () => {
    expect((await look(hypervisor(tight))).found).toEqual(['fail hypervisor: memory'])
    expect((await look(hypervisor({ ...tight, tools: '' }))).found).toContain('fail hypervisor: qemu-img')
    const conflict = { ...server, ranges: '192.168.23.0/24 dev eno1 proto kernel scope link src 192.168.23.4' }
    expect((await look(hypervisor(conflict))).found).toEqual(['fail hypervisor: address ranges'])
    expect((await look(hypervisor({ ...tight, hostMemory: 'MemAvailable 12000000\nSwapFree 0' }))).found).toEqual([
      'warn hypervisor: memory',
    ])
  })

  test('only what this run makes counts', async () => {
    expect((await look(hypervisor(tight), { nodes: ['edge-1', 'hypervisor'] })).found).toEqual([])
  })

  test('where all are made already, that they are is all that is asked', async () => {
    const names = lab.nodes.map(({ name }) => `paper-${name}`).join('\n')
    const { found, commands } = await look(hypervisor(tight, `${names}\nanother\n`))
    expect(found).toEqual([])
    expect(commands).toHaveLength(1)
  })

  test('a run that makes none asks nothing', async () => {
    expect((await look(hypervisor(tight), { tasks: ['verify'] })).commands).toEqual([])
    expect((await look(hypervisor(tight), { nodes: ['hypervisor'] })).commands).toEqual([])
  })

  test('a hypervisor that does not answer is the run’s own affair', async () => {
    const lost: Rule = [/./, { error: new TaskError({ kind: 'unreachable', message: 'no answer' }) }]
    expect((await look({ hypervisor: [lost] })).found).toEqual([])
  })
})

describe('machine-ids', () => {
  const options = { topology: withPis, tasks: ['disable-swap'] }
  const [one, two] = [pi.identity ?? '', 'f'.repeat(32)]

  test('that differ are asked for once, and remembered', async () => {
    const state = stateFolder()
    const first = await look(ids(one, two), { ...options, stateFolder: state })
    expect(first).toEqual({ found: [], commands: ['cat /etc/machine-id', 'cat /etc/machine-id'] })
    expect(await look(ids(one, two), { ...options, stateFolder: state })).toEqual({ found: [], commands: [] })
    expect(JSON.parse(readFileSync(join(state, 'machine-ids.json'), 'utf8'))).toEqual({
      'pi@10.0.0.7:2': one,
      'pi@10.0.0.7:3': two,
    })
  })

  test('that are equal fail each time, until they are not', async () => {
    const state = stateFolder()
    for (const _ of [1, 2])
      expect((await look(ids(one, one), { ...options, stateFolder: state })).found).toEqual([
        'fail lab paper: machine-ids',
      ])
    expect((await look(ids(one, two), { ...options, stateFolder: state })).found).toEqual([])
  })

  test('one machine alone is not asked', async () => {
    expect((await look(ids(one, one), { ...options, nodes: ['edge-1', 'master'] })).commands).toEqual([])
  })

  test('a machine that is lost is left out, and asked the next time', async () => {
    const state = stateFolder()
    const lost = { error: new TaskError({ kind: 'unreachable', message: 'no answer' }) }
    expect((await look(ids(one, lost), { ...options, stateFolder: state })).found).toEqual([])
    expect((await look(ids(one, one), { ...options, stateFolder: state })).found).toEqual([
      'fail lab paper: machine-ids',
    ])
  })
})
