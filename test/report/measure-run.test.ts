import { describe, expect, test } from 'bun:test'
import { criticalPath } from '../../lib/report/critical-path.ts'
import { foldRun, type InstanceRecord } from '../../lib/report/fold-run.ts'
import { measureRun, unionSeconds } from '../../lib/report/measure-run.ts'
import { changed, factsOf, lab } from './sample-labs.ts'
import { simulateRun } from './simulated-run.ts'

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 5) + seconds * 1000).toISOString()
const ran = (id: `${string}@${string}`, from: number, to: number): InstanceRecord => ({
  id,
  task: id.split('@')[0] ?? '',
  node: id.split('@')[1] ?? '',
  phase: 'configuration',
  run: 'r',
  state: 'finished',
  attempts: 1,
  seconds: to - from,
  startedAt: at(from),
  finishedAt: at(to),
})

describe('unionSeconds', () => {
  test.each([
    ['nothing', [], 0],
    [
      'apart',
      [
        [0, 2],
        [5, 6],
      ],
      3,
    ],
    [
      'touching',
      [
        [0, 2],
        [2, 6],
      ],
      6,
    ],
    [
      'overlapping',
      [
        [0, 4],
        [2, 6],
      ],
      6,
    ],
    [
      'one inside another',
      [
        [0, 10],
        [2, 6],
        [8, 9],
      ],
      10,
    ],
    [
      'in no order',
      [
        [8, 9],
        [0, 1],
        [0, 3],
      ],
      4,
    ],
  ] as const)('%s', (_, spans, seconds) => {
    expect(unionSeconds(spans.map(([from, to]) => ran('a@b', from, to)))).toBe(seconds)
  })
})

describe('criticalPath', () => {
  const path = (instances: InstanceRecord[], waits: Record<string, string[]>) => {
    const { seconds, instances: chain } = criticalPath(instances, new Map(Object.entries(waits)))
    return [seconds, chain.map(({ id }) => id).join(' ')]
  }

  test('is the longest chain, not the one with most links', () => {
    const instances = [ran('a@n', 0, 1), ran('b@n', 1, 2), ran('c@n', 2, 3), ran('long@n', 0, 9), ran('end@n', 9, 10)]
    expect(path(instances, { 'b@n': ['a@n'], 'c@n': ['b@n'], 'end@n': ['c@n', 'long@n'] })).toEqual([
      10,
      'long@n end@n',
    ])
  })

  test('goes through what did not run, at no cost', () => {
    const skipped: InstanceRecord = { ...ran('b@n', 1, 5), state: 'already-done', attempts: 0 }
    const instances = [ran('a@n', 0, 1), skipped, ran('c@n', 5, 7)]
    expect(path(instances, { 'b@n': ['a@n'], 'c@n': ['b@n'] })).toEqual([3, 'a@n c@n'])
    expect(path(instances, { 'unknown@n': ['a@n'], 'c@n': ['unknown@n'] })).toEqual([3, 'a@n c@n'])
  })

  test('ends on a cycle and on a chain longer than the call stack', () => {
    expect(path([ran('a@n', 0, 1), ran('b@n', 1, 3)], { 'a@n': ['b@n'], 'b@n': ['a@n'] })[0]).toBe(3)
    const count = 20_000
    const chain = Array.from({ length: count }, (_, index) => ran(`t${index}@n`, index, index + 1))
    const waits = new Map(chain.map(({ id }, index) => [id as string, index > 0 ? [`t${index - 1}@n`] : []]))
    expect(criticalPath(chain.toReversed(), waits).seconds).toBe(count)
  })

  test('of nothing is nothing', () => expect(path([], {})).toEqual([0, '']))
})

describe('measureRun', () => {
  const reference = lab(11)
  const measures = measureRun(foldRun(simulateRun(reference)), factsOf(reference))

  test('puts the cluster first, the edges by number, and the lab last', () => {
    const names = measures.entities.map(({ name }) => name)
    expect(names).toEqual([
      'Kubernetes cluster',
      ...Array.from({ length: 11 }, (_, index) => `edge-${index + 1}`),
      'whole lab',
    ])
  })

  test('a total is never more than its phases together, nor less than the longest', () => {
    for (const { phases, total } of measures.entities) {
      const seconds = phases.map((phase) => phase.seconds)
      expect(total.seconds).toBeLessThanOrEqual(seconds.reduce((sum, each) => sum + each, 0) + 0.001)
      expect(total.seconds).toBeGreaterThanOrEqual(Math.max(...seconds))
    }
  })

  test('counts 0 for what was so already, and says where something is missing', () => {
    const events = simulateRun(
      changed(lab(2), ({ id }) =>
        id.endsWith('edge-1')
          ? { ends: 'already-done', seconds: 0.1 }
          : id === 'join-edge@edge-2'
            ? { ends: { kind: 'timeout', message: 'too slow' } }
            : undefined,
      ),
    )
    const { entities, tasks } = measureRun(foldRun(events), factsOf(lab(2)))
    const states = Object.fromEntries(entities.map(({ name, phases }) => [name, phases.map(({ state }) => state)]))
    expect(states['edge-1']).toEqual(['already', 'already', 'already'])
    expect(states['edge-2']).toEqual(['built', 'incomplete', 'incomplete'])
    const join = tasks.find(({ task }) => task === 'join-edge')
    expect(join).toMatchObject({ count: 0, alreadyCount: 1, failedCount: 1, step: 12 })
  })

  test('counts 0 for what was so already among what was built', () => {
    const already: InstanceRecord = { ...ran('check@master', 0, 100), state: 'already-done', attempts: 0 }
    const run = { ...foldRun(simulateRun(lab(1))), instances: [already, ran('t@master', 100, 103)] }
    expect(measureRun(run, factsOf(lab(1))).entities[0]?.total).toEqual({ seconds: 3, state: 'built' })
  })

  test('takes the median between the two in the middle', () => {
    const instances = [1, 2, 4, 9].map((seconds, index) => ran(`t@n${index}`, 0, seconds))
    const run = { ...foldRun(simulateRun(lab(1))), instances }
    const [times] = measureRun(run, factsOf(lab(1))).tasks
    expect(times).toMatchObject({ minSeconds: 1, medianSeconds: 3, maxSeconds: 9, count: 4 })
  })

  test('has no cluster where the file knows none', () => {
    const run = { ...foldRun(simulateRun(lab(1))), instances: [ran('t@hypervisor', 0, 1)] }
    const facts = { waits: new Map(), roles: new Map(), steps: new Map() }
    expect(measureRun(run, facts).entities.map(({ name }) => name)).toEqual(['hypervisor', 'whole lab'])
  })
})
