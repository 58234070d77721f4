import { expect, test } from 'bun:test'
import { seededRandom } from '../../lib/cli/seeded-random.ts'
import type { Instance } from '../../lib/plan/plan.ts'
import { readySet } from '../../lib/run/ready-set.ts'
import { planOf } from './fake-world.ts'

const edges = Array.from({ length: 20 }, (_, index) => `edge-${index}`)
const waits: Record<string, string[]> = {
  'prepare@master': [],
  'init@master': ['prepare@master'],
  'deploy@master': ['init@master'],
  ...Object.fromEntries(edges.map((edge) => [`prepare@${edge}`, []])),
  ...Object.fromEntries(edges.map((edge) => [`join@${edge}`, [`prepare@${edge}`, 'deploy@master']])),
}
const { instances } = planOf(waits)
const named = (id: string) => instances.find((instance) => instance.id === id) as Instance

/** Takes all, each adding what then has its needs met. */
function order(seed: number): readonly string[] {
  const ready = readySet(instances, seededRandom(seed))
  const taken = new Set<string>()
  const added = new Set<string>()
  const release = () => {
    for (const instance of instances) {
      if (added.has(instance.id) || !instance.waitsFor.every((id) => taken.has(id))) continue
      added.add(instance.id)
      ready.add(instance)
    }
  }
  for (release(); ; release()) {
    const next = ready.take()
    if (!next) return [...taken]
    taken.add(next.id)
  }
}

test('what has most steps after it goes first, whatever the seed, and among equals any', () => {
  const orders = Array.from({ length: 20 }, (_, seed) => order(seed))
  for (const taken of orders) {
    expect(taken.slice(0, 2)).toEqual(['prepare@master', 'init@master'])
    expect(taken.length).toBe(instances.length)
  }
  expect(new Set(orders.map((taken) => taken.join())).size).toBeGreaterThan(1)
  expect(order(7)).toEqual(order(7))
})

test('what comes later and holds up more goes before what was there', () => {
  const ready = readySet(instances, seededRandom(1))
  ready.add(named('join@edge-1'))
  ready.add(named('prepare@edge-2'))
  expect(ready.take()?.id).toBe('prepare@edge-2')
  ready.add(named('init@master'))
  expect(ready.take()?.id).toBe('init@master')
  expect(ready.take()?.id).toBe('join@edge-1')
  expect(ready.take()).toBeUndefined()
})
