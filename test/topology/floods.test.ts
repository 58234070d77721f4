import { expect, test } from 'bun:test'
import { buildPlan } from '../../lib/plan/build-plan.ts'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import { parseYaml } from '../../lib/topology/parse-yaml.ts'
import type { Wiring } from '../../lib/topology/topology.ts'
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
  const topology = topologyFrom('{ version: 1, lab: x, extends: none, tasks: { t: { on: hypervisor, sh: x } } }')
  const [one] = topology.tasks as [Wiring]
  const need = (at: number) => ({ task: `t${at}`, place: one.place })
  const last = 40_000
  const tasks = Array.from({ length: last + 1 }, (_, at) => ({
    ...one,
    name: `t${at}`,
    needs: at === last ? [] : [need(at + 1)],
  }))
  const { instances } = buildPlan({ ...topology, tasks })
  expect(instances.map(({ task }) => task).slice(0, 2)).toEqual(['t40000', 't39999'])
  expect(instances.length).toBe(last + 1)
}, 120_000)
