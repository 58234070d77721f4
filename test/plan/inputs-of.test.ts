import { describe, expect, test } from 'bun:test'
import { changedInputs, inputsOf } from '../../lib/plan/inputs-of.ts'
import type { Topology, Wiring } from '../../lib/topology/topology.ts'
import { loadLab } from '../tasks/context.ts'

const lab = loadLab()
const hello = { ...(lab.tasks[0] as Wiring), name: 'hello', sh: 'echo hello' }
const before: Topology = { ...lab, tasks: [...lab.tasks, hello] }
const without = new Map<string, string>()

/** The parts that are not what they were for an instance, once the lab, kedge or an own task's file has changed. */
function changed(task: string, node: string, after: Partial<Topology>, kedge = '1', code = without): readonly string[] {
  const inputs = [inputsOf(before, '1', without), inputsOf({ ...before, ...after }, kedge, code)] as const
  return changedInputs(inputs[0]({ task, node }), inputs[1]({ task, node }))
}

const labelled = { nodes: lab.nodes.map((node) => (node.name === 'edge-1' ? { ...node, labels: { a: 'b' } } : node)) }

describe('what an instance was given has changed', () => {
  test('in nothing, when the file is the same', () => {
    expect(changed('join-edge', 'edge-1', {})).toEqual([])
  })

  test('in the part that the file says something else of', () => {
    expect(changed('join-edge', 'edge-1', { kubeedge: { ...lab.kubeedge, mqtt: 'host' } })).toEqual(['kubeedge'])
    expect(changed('join-edge', 'edge-1', labelled)).toEqual(['node'])
    expect(changed('join-edge', 'edge-2', labelled)).toEqual(['nodes'])
    expect(changed('create-networks', 'hypervisor', { networks: [] })).toEqual(['networks'])
  })

  test('with another kedge, or another file of an own task', () => {
    expect(changed('join-edge', 'edge-1', {}, '2')).toEqual(['kedge'])
    expect(changed('join-edge', 'edge-1', {}, '1', new Map([['join-edge', 'sum']]))).toEqual(['task'])
  })

  test('for a one-liner only by itself and its node', () => {
    expect(changed('hello', 'edge-1', { networks: [] }, '2')).toEqual([])
    expect(changed('hello', 'edge-2', labelled)).toEqual([])
    expect(changed('hello', 'edge-1', labelled)).toEqual(['node'])
    expect(changed('hello', 'edge-1', { tasks: [...lab.tasks, { ...hello, env: { A: 'b' } }] })).toEqual(['task'])
  })

  test('in nothing that is known, where nothing was noted', () => {
    expect(changedInputs(undefined, inputsOf(lab, '1', without)({ task: 'join-edge', node: 'edge-1' }))).toEqual([])
  })
})

test('a secret of an environment cannot be found by trying: the digest is too short to be sure', () => {
  const inputs = inputsOf(before, '1', without)({ task: 'hello', node: 'edge-1' })
  for (const part of Object.values(inputs)) expect(part.length).toBeLessThanOrEqual(8)
})
