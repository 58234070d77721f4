import { describe, expect, test } from 'bun:test'
import type { Event } from '../../lib/event/event.ts'
import { foldRun, foldRuns } from '../../lib/report/fold-run.ts'
import { latestChange, mergeRuns } from '../../lib/report/merge-runs.ts'
import { changed, joinRefused, lab } from './sample-labs.ts'
import { simulateRun } from './simulated-run.ts'

const failure = joinRefused('edge-2', '192.168.24.9')
const failedRun = simulateRun(
  changed(lab(2), ({ id }) =>
    id === 'join-edge@edge-2'
      ? { ends: failure, failedAttempts: { count: 2, failure } }
      : id === 'disable-swap@worker'
        ? { ends: 'already-done', seconds: 0.1 }
        : undefined,
  ),
)
const find = (events: readonly Event[], id: string) => foldRun(events).instances.find((instance) => instance.id === id)

describe('foldRun', () => {
  test('tells how the run began and ended', () => {
    const { instances, ...run } = foldRun(failedRun)
    expect(run).toEqual({
      id: 'r-0007',
      lab: 'paper',
      kedge: '0.1.0',
      startedAt: '2026-01-05T10:00:00.000Z',
      dryRun: false,
      seconds: expect.closeTo(202.9),
      result: 'failed',
      total: 24,
    })
    expect(instances).toHaveLength(24)
  })

  test('keeps an instance that was tried again as one, begun with the first attempt', () => {
    expect(find(failedRun, 'join-edge@edge-2')).toMatchObject({
      state: 'failed',
      attempts: 3,
      seconds: 53.2,
      startedAt: '2026-01-05T10:02:29.700Z',
      finishedAt: '2026-01-05T10:03:22.900Z',
      failure: { exitCode: 1 },
    })
  })

  test('forgets the failure of an attempt once a later one has ended well', () => {
    const events = simulateRun(
      changed(lab(1), ({ id }) => (id === 'join-edge@edge-1' ? { failedAttempts: { count: 1, failure } } : undefined)),
    )
    const instance = find(events, 'join-edge@edge-1')
    expect(instance).toMatchObject({ state: 'finished', attempts: 2 })
    expect(instance?.failure).toBeUndefined()
  })

  test('names what held an instance back, and what was so already', () => {
    expect(find(failedRun, 'verify@master')).toMatchObject({
      state: 'held-back',
      cause: 'join-edge@edge-2',
      attempts: 0,
    })
    expect(find(failedRun, 'disable-swap@worker')).toMatchObject({ state: 'already-done', attempts: 0 })
  })

  test('lets a run without an end, and what ran then, reach to its last event', () => {
    const upTo = failedRun.findIndex(({ type, at }) => type === 'task-finished' && at > '2026-01-05T10:00:32.0')
    const run = foldRun(failedRun.slice(0, upTo + 1))
    expect(run).toMatchObject({ result: 'unfinished', seconds: 32.2 })
    expect(run.instances.find(({ id }) => id === 'create-vms@edge-2')).toMatchObject({
      state: 'unfinished',
      seconds: 31,
    })
    expect(() => foldRun([])).toThrow('without events')
  })

  test('tells an instance begin from its end, since the journal keeps no checks', () => {
    const journal = failedRun.filter(({ type }) => type !== 'task-checking' && type !== 'task-output')
    const byId = (events: readonly Event[]) => foldRun(events).instances.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    expect(byId(journal)).toEqual(byId(failedRun))
  })
})

test('foldRun leaves out the events of other runs', () => {
  const other = simulateRun(lab(3), { run: 'r-0008' })
  expect(foldRun([...failedRun.slice(0, 10), ...other, ...failedRun.slice(10)])).toEqual(foldRun(failedRun))
})

test('foldRuns keeps runs apart', () => {
  const other = simulateRun(lab(1), { run: 'r-0008', start: '2026-01-06T10:00:00.000Z' })
  const runs = foldRuns([...failedRun, ...other])
  expect(runs).toEqual([foldRun(failedRun), foldRun(other)])
})

describe('mergeRuns', () => {
  const day = (date: number, run: string) => ({ run, start: `2026-01-0${date}T10:00:00.000Z` })
  const first = foldRun(simulateRun(lab(1), day(1, 'first')))
  const nothing = foldRun(
    simulateRun(
      changed(lab(1), () => ({ ends: 'already-done', seconds: 0.1 })),
      day(3, 'nothing'),
    ),
  )
  const oneEdgeMore = foldRun(
    simulateRun(
      changed(lab(2), ({ id }) => (id.endsWith('edge-2') ? undefined : { ends: 'already-done', seconds: 0.1 })),
      day(2, 'one-edge-more'),
    ),
  )
  const dryRun = foldRun(
    simulateRun(
      changed(lab(1), () => ({ ends: 'pending' })),
      { ...day(4, 'dry-run'), dryRun: true },
    ),
  )

  test('starts from the latest run that changed something, in whatever order the runs come', () => {
    expect(latestChange([nothing, dryRun, first])?.id).toBe('first')
    expect(latestChange([oneEdgeMore, nothing, first, dryRun])?.id).toBe('one-edge-more')
    expect(latestChange([nothing, dryRun])?.id).toBe('nothing')
    expect(latestChange([dryRun])).toBeUndefined()
    expect(mergeRuns([])).toBeUndefined()
  })

  test('takes for each instance the latest run that executed it', () => {
    const merged = mergeRuns([nothing, oneEdgeMore, first, dryRun])
    const runOf = (id: string) => merged?.instances.find((instance) => instance.id === id)
    expect(runOf('join-edge@edge-2')).toMatchObject({ run: 'one-edge-more', state: 'finished', seconds: 14.4 })
    expect(runOf('join-edge@edge-1')).toMatchObject({ run: 'first', state: 'finished', seconds: 14 })
    expect(merged?.instances).toHaveLength(24)
  })

  test('prefers a later execution to an earlier one', () => {
    const again = { ...oneEdgeMore, id: 'again', startedAt: '2026-01-01T23:00:00.000Z' }
    const rebuilt = { ...first, id: 'rebuilt', startedAt: '2026-01-01T20:00:00.000Z' }
    rebuilt.instances = first.instances.map((instance) => ({ ...instance, run: 'rebuilt' }))
    const merged = mergeRuns([first, rebuilt, again])
    expect(merged?.instances.find(({ id }) => id === 'join-edge@edge-1')?.run).toBe('rebuilt')
  })

  test('leaves the runs of another lab alone', () => {
    const merged = mergeRuns([{ ...first, lab: 'other' }, oneEdgeMore])
    expect(merged?.instances.find(({ id }) => id === 'join-edge@edge-1')?.state).toBe('already-done')
  })
})
