import { expect, test } from 'bun:test'
import type { Failure } from '../../lib/event/failure.ts'
import { foldRun, type InstanceRecord } from '../../lib/report/fold-run.ts'
import { groupFailures } from '../../lib/report/group-failures.ts'
import { listNodes } from '../../lib/report/node-list.ts'
import { changed, joinRefused, lab } from './sample-labs.ts'
import { simulateRun } from './simulated-run.ts'

const groupsOf = (failureOf: (edge: number) => Failure) => {
  const instances = changed(lab(4), ({ id }) =>
    id.startsWith('join-edge') ? { ends: failureOf(Number(id.split('@edge-')[1])) } : undefined,
  )
  return groupFailures(foldRun(simulateRun(instances)).instances).map(({ instances: its }) => listNodes(its))
}

test('failures that differ in node and address only are one', () => {
  expect(groupsOf((edge) => joinRefused(`edge-${edge}`, `192.168.24.${edge}`))).toEqual(['edge-1 to edge-4'])
})

test('another exit code, message, port or cause is another failure', () => {
  const base = joinRefused('edge-1', '192.168.24.1')
  const others: Failure[] = [
    { ...base, exitCode: 2 },
    { ...base, message: 'something else' },
    { ...base, cause: 'the port 10002 is closed' },
  ]
  expect(groupsOf((edge) => others[edge - 2] ?? base)).toEqual(['edge-1', 'edge-2', 'edge-3', 'edge-4'])
})

test('what was held back by something held back counts for the one that failed', () => {
  const [first] = foldRun(simulateRun(lab(1))).instances
  if (!first) throw new Error('no instance')
  const instances: InstanceRecord[] = [
    { ...first, id: 'a@n', state: 'failed' },
    { ...first, id: 'b@n', state: 'held-back', cause: 'a@n' },
    { ...first, id: 'c@n', state: 'held-back', cause: 'b@n' },
    { ...first, id: 'd@n', state: 'held-back', cause: 'e@n' },
    { ...first, id: 'e@n', state: 'held-back', cause: 'd@n' },
  ]
  expect(groupFailures(instances).map(({ heldBack }) => heldBack.map(({ id }) => id))).toEqual([['b@n', 'c@n']])
})

test.each([
  ['edge-2 edge-1 edge-10', 'edge-1, edge-2, edge-10'],
  ['master edge-1 edge-2 edge-3 edge-4 worker', 'edge-1 to edge-4, master, worker'],
  ['e-9 e-10 e-11 e-12', 'e-9 to e-12'],
  ['e-01 e-02 e-03 e-04', 'e-01 to e-04'],
  ['e-08 e-09 e-10 e-11', 'e-08, e-09, e-10, e-11'],
  ['7 8 9 10', '7, 8, 9, 10'],
  ['a1 a3 a5 a7 b9 b11 b13', 'a1, a3, a5, a7, b9 and 2 more'],
  ['a1 a3 a5 a7 a9 b1 b2 b3 b4 b5 c', 'a1, a3, a5, a7, a9 and 6 more'],
])('the nodes %s are told as %s', (nodes, text) => {
  expect(listNodes(nodes.split(' ').map((node) => ({ node })))).toBe(text)
})
