import { expect, test } from 'bun:test'
import { selectNodes, selectorNames } from '../../lib/topology/select-nodes.ts'
import { hypervisorNode } from '../../lib/topology/topology.ts'
import { base } from './known.ts'
import { topologyFrom } from './load.ts'

const lab = topologyFrom(base)

test.each([
  [['hypervisor'], ['hypervisor']],
  [['nodes'], ['master', 'worker', 'edge-1', 'edge-2']],
  [['cloud'], ['master', 'worker']],
  [['control-plane'], ['master']],
  [['worker'], ['worker']],
  [['edge'], ['edge-1', 'edge-2']],
  [['edge-2'], ['edge-2']],
  [
    ['edge-2', 'control-plane', 'hypervisor', 'master'],
    ['hypervisor', 'master', 'edge-2'],
  ],
  [['edge-3'], []],
  [[], []],
])('%p selects %p', (selectors, names) => {
  expect(selectNodes(lab, selectors).map(({ name }) => name)).toEqual(names)
})

test('the hypervisor is always the same node', () => {
  expect(selectNodes(lab, ['hypervisor'])[0]).toBe(hypervisorNode)
})

test('every selector that is offered selects somebody in the reference lab', () => {
  for (const selector of selectorNames(lab)) expect(selectNodes(lab, [selector])).not.toBeEmpty()
  expect(new Set(selectorNames(lab)).size).toBe(selectorNames(lab).length)
})
