import { describe, expect, test } from 'bun:test'
import { buildPlan } from '../../lib/plan/build-plan.ts'
import { selectInstances } from '../../lib/plan/select-instances.ts'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import { base, known } from '../topology/known.ts'

function plan(yaml: string) {
  const loaded = loadTopology(yaml, '/lab/kedge.config.yaml', known)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems, null, 1))
  return buildPlan(loaded.topology)
}

const lab = (tasks: string) => `
version: 1
lab: plan
extends: none
nodes:
  m: { role: control-plane, ssh: { host: 10.0.0.1 } }
  e1: { role: edge, ssh: { host: 10.0.0.2 }, cloudcore: 10.0.0.1 }
  e2: { role: edge, ssh: { host: 10.0.0.3 }, cloudcore: 10.0.0.1 }
tasks:
${tasks}`

const waits = (yaml: string) => Object.fromEntries(plan(yaml).instances.map(({ id, waitsFor }) => [id, [...waitsFor]]))

describe('needs become waits', () => {
  test('on the same node where the needed task runs there, else on all of its nodes', () => {
    const found = waits(
      lab(`
  a: { on: nodes, sh: 'true' }
  b: { on: edge, needs: [a], sh: 'true' }
  c: { on: control-plane, needs: [b], sh: 'true' }
  d: { on: hypervisor, needs: [c], sh: 'true' }
`),
    )
    expect(found['b@e1']).toEqual(['a@e1'])
    expect(found['c@m']).toEqual(['b@e1', 'b@e2'])
    expect(found['d@hypervisor']).toEqual(['c@m'])
  })

  test('as said, with task@node and on: all', () => {
    const found = waits(
      lab(`
  a: { on: nodes, sh: 'true' }
  b: { on: edge, needs: [a@m], sh: 'true' }
  c: { on: edge, needs: [{ task: a, on: all }], sh: 'true' }
`),
    )
    expect(found['b@e1']).toEqual(['a@m'])
    expect(found['c@e2']).toEqual(['a@m', 'a@e1', 'a@e2'])
  })

  test('a task that runs nowhere, or was taken out, hands on what it waits for', () => {
    const found = waits(
      lab(`
  a: { on: control-plane, sh: 'true' }
  b: { on: worker, needs: [a], sh: 'true' }
  c: { on: edge, needs: [b], sh: 'true' }
`),
    )
    expect(found['c@e1']).toEqual(['a@m'])
    expect(Object.keys(found)).not.toContain('b@m')
  })

  test('each instance stands after its needs, whatever the order of the file', () => {
    const { instances } = plan(
      lab(`
  c: { on: nodes, needs: [b], sh: 'true' }
  b: { on: nodes, needs: [a], sh: 'true' }
  a: { on: nodes, sh: 'true' }
`),
    )
    const place = new Map(instances.map(({ id }, index) => [id as string, index]))
    for (const { id, waitsFor } of instances) {
      for (const need of waitsFor) expect(place.get(need)).toBeLessThan(place.get(id) as number)
    }
    expect(instances).toHaveLength(9)
  })
})

describe('before', () => {
  test('is a need of the task that it names, under the same rule for the same node', () => {
    const found = waits(
      lab(`
  install: { on: nodes, sh: 'true' }
  host: { on: hypervisor, sh: 'true', before: [install] }
  trust: { on: edge, sh: 'true', needs: [host], before: [install] }
`),
    )
    expect(found['install@e1']).toEqual(['host@hypervisor', 'trust@e1'])
    expect(found['install@m']).toEqual(['host@hypervisor', 'trust@e1', 'trust@e2'])
  })

  test('of some instances alone, each of which waits for its own node; or of all, which wait for every node', () => {
    const found = waits(
      lab(`
  trust: { on: nodes, sh: 'true', before: [{ task: install, on: edge }, { task: check, on: all }, join@e2] }
  install: { on: nodes, sh: 'true' }
  check: { on: edge, sh: 'true' }
  join: { on: edge, sh: 'true' }
`),
    )
    expect(found['install@m']).toEqual([])
    expect(found['install@e1']).toEqual(['trust@e1'])
    expect(found['check@e2']).toEqual(['trust@m', 'trust@e1', 'trust@e2'])
    expect([found['join@e1'], found['join@e2']]).toEqual([[], ['trust@e2']])
  })

  test('adds to what the task needs by itself, also where it says the same, and holds where that runs nowhere', () => {
    const found = waits(
      lab(`
  a: { on: nodes, sh: 'true' }
  b: { on: nodes, sh: 'true', before: [c, idle] }
  c: { on: nodes, needs: [a, b], sh: 'true' }
  idle: { on: worker, sh: 'true' }
  d: { on: nodes, needs: [idle], sh: 'true' }
`),
    )
    expect(found['c@m']).toEqual(['a@m', 'b@m'])
    expect(found['d@e1']).toEqual(['b@e1'])
  })

  test('puts a task between two built-in ones, and a selection of the later one takes it along', async () => {
    const reference = plan(
      `${base}\n  trust: { on: nodes, needs: [create-vms], before: [install-runtime], sh: 'true' }\n`,
    )
    const waitsOf = (id: string) => reference.instances.find((instance) => instance.id === id)?.waitsFor as string[]
    expect(waitsOf('install-runtime@edge-1')).toEqual(['create-vms@edge-1', 'trust@edge-1'])
    const { instances } = selectInstances(reference, { tasks: ['install-runtime'], on: ['edge-1'] })
    const ids = instances.map(({ id }) => id)
    expect(ids).toEqual(['create-networks@hypervisor', 'create-vms@edge-1', 'trust@edge-1', 'install-runtime@edge-1'])
  })
})

describe('a selection', () => {
  const chain = lab(`
  a: { on: nodes, sh: 'true' }
  b: { on: nodes, needs: [a], sh: 'true' }
  c: { on: edge, needs: [b], sh: 'true' }
`)
  const select = (selection: Parameters<typeof selectInstances>[1]) => {
    const { instances } = selectInstances(plan(chain), selection)
    return Object.fromEntries(instances.map(({ id, waitsFor }) => [id, [...waitsFor]]))
  }

  test('takes the named task with what it needs', () => {
    expect(Object.keys(select({ tasks: ['b'] }))).toEqual(['a@m', 'a@e1', 'a@e2', 'b@m', 'b@e1', 'b@e2'])
  })
  test('on one node', () => {
    expect(select({ tasks: ['c'], on: ['e2'] })).toEqual({ 'a@e2': [], 'b@e2': ['a@e2'], 'c@e2': ['b@e2'] })
  })
  test('only the named task', () => {
    expect(select({ tasks: ['c'], on: ['e2'], only: true })).toEqual({ 'c@e2': [] })
  })
  test('a skipped task hands on its waits', () => {
    expect(select({ tasks: ['all'], on: ['e1'], skip: ['b'] })).toEqual({ 'a@e1': [], 'c@e1': ['a@e1'] })
  })
})

test('a plan of 10,000 nodes is linear in them', () => {
  const of = (count: number) => {
    const nodes = Array.from(
      { length: count },
      (_, n) => `  e${n}: { role: edge, ssh: { host: h${n} }, cloudcore: 10.0.0.1 }\n`,
    )
    const chain = Array.from(
      { length: 15 },
      (_, t) => `  t${t}: { on: nodes, needs: [${t > 0 ? `t${t - 1}` : ''}], sh: 'true' }\n`,
    )
    return `version: 1\nlab: big\nextends: none\nnodes:\n  m: { role: control-plane, ssh: { host: m } }\n${nodes.join('')}tasks:\n${chain.join('')}  join: { on: control-plane, needs: [{ task: t14, on: all }], sh: 'true' }\n  after: { on: edge, needs: [join], sh: 'true' }\n`
  }
  const { instances } = plan(of(500))
  const edges = instances.reduce((sum, { waitsFor }) => sum + waitsFor.length, 0)
  expect(instances).toHaveLength(501 * 15 + 1 + 500)
  // One wait for each link of a node's chain, one for each node at the join and one after it: nothing squared.
  expect(edges).toBe(501 * 14 + 501 + 500)
})
