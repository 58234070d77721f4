import { expect, test } from 'bun:test'
import { buildPlan } from '../../lib/plan/build-plan.ts'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import { parseYaml } from '../../lib/topology/parse-yaml.ts'
import { known } from './known.ts'
import { topologyFrom } from './load.ts'

// Each of these took from ten seconds to three minutes, or ended in a stack trace, before there were bounds.

test.each(['[', '{ a: ', '- ', '? '])('a nest of %p is given up where it is too deep', (opening) => {
  const found = parseYaml(opening.repeat(100_000))
  expect(found).toMatchObject({ what: 'nested too deeply' })
  expect('offset' in found && found.offset).toBeLessThan(1000)
})

test('of a file in which everything is wrong, the first 500 complaints are told', () => {
  const keys = Array.from({ length: 2000 }, (_, index) => `key${index}: 1`)
  const loaded = loadTopology(keys.join('\n'), 'lab.yaml', known)
  expect(!loaded.ok && loaded.problems.length).toBe(500)
})

test('a chain of tasks longer than any call stack is planned', () => {
  const tasks = Array.from({ length: 12_000 }, (_, at) => `  t${at}: { on: hypervisor, sh: x, needs: [t${at + 1}] }`)
  const text = ['version: 1', 'lab: x', 'extends: none', 'tasks:', ...tasks, '  t12000: { on: hypervisor, sh: x }']
  const { instances } = buildPlan(topologyFrom(text.join('\n')))
  expect(instances.map(({ task }) => task).slice(0, 2)).toEqual(['t12000', 't11999'])
  expect(instances.length).toBe(12_001)
}, 120_000)
