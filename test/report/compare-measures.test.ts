import { describe, expect, test } from 'bun:test'
import { compareMeasures } from '../../lib/report/compare-measures.ts'
import { comparisonRows } from '../../lib/report/comparison-rows.ts'
import { foldRun } from '../../lib/report/fold-run.ts'
import { measureRun } from '../../lib/report/measure-run.ts'
import { changed, factsOf, lab } from './sample-labs.ts'
import { type Simulated, simulateRun } from './simulated-run.ts'

const facts = factsOf(lab(3))
const measured = (instances: readonly Simulated[], run: string) =>
  measureRun(foldRun(simulateRun(instances, { run })), facts)
const base = measured(lab(2), 'base')

describe('compareMeasures', () => {
  test('a run beside itself differs in nothing', () => {
    const { entities, tasks, wall, criticalPath } = compareMeasures(base, base)
    for (const compared of [
      wall,
      criticalPath,
      ...tasks,
      ...entities.flatMap(({ phases, total }) => [...phases, total]),
    ])
      expect([compared.differenceSeconds, compared.differencePercent]).toEqual([0, 0])
  })

  test('seconds and percent of the other run, per entity, task and for the whole', () => {
    const slower = changed(lab(2), ({ id, seconds }) =>
      id === 'init-cluster@master' ? { seconds: seconds + 37 } : undefined,
    )
    const { entities, tasks, wall } = compareMeasures(measured(slower, 'slower'), base)
    const task = tasks.find((one) => one.task === 'init-cluster')
    expect([task?.differenceSeconds, task?.differencePercent]).toEqual([37, 50])
    expect(wall.differenceSeconds).toBeCloseTo(37)
    expect(entities.find(({ name }) => name === 'Kubernetes cluster')?.total.differenceSeconds).toBeCloseTo(37)
    expect(entities.find(({ name }) => name === 'edge-1')?.total.differenceSeconds).toBeCloseTo(0)
  })

  test('what was so already, was held back or is not in one of them has no difference', () => {
    const other = changed(lab(3), ({ id }) =>
      id.startsWith('disable-swap')
        ? { ends: 'already-done', seconds: 0.1 }
        : id === 'init-cloudcore@master'
          ? { ends: { kind: 'timeout', message: 'too slow' } }
          : undefined,
    )
    const { entities, tasks } = compareMeasures(measured(other, 'other'), base)
    for (const name of ['disable-swap', 'init-cloudcore', 'join-edge', 'verify'])
      expect(tasks.find(({ task }) => task === name)?.differenceSeconds).toBeUndefined()
    const third = entities.find(({ name }) => name === 'edge-3')
    expect(third?.total).toEqual({ span: third?.total.span ?? { seconds: 0, state: 'none' } })
  })

  test('more is +, less is -, and next to nothing is neither', () => {
    const times = (seconds: number) =>
      changed(lab(1), ({ id }) => (id === 'create-networks@hypervisor' ? { seconds } : undefined))
    const cells = (now: number, then: number) =>
      comparisonRows(compareMeasures(measured(times(now), 'now'), measured(times(then), 'then')))
        .find(([name]) => name === 'create-networks')
        ?.slice(2)
    expect(cells(3, 2)).toEqual(['3.0', '2.0', '+1.0', '+50'])
    expect(cells(2, 2.1)).toEqual(['2.0', '2.1', '-0.1', '-4.8'])
    expect(cells(2, 2.0001)).toEqual(['2.0', '2.0', '0.0', '0.0'])
  })
})
