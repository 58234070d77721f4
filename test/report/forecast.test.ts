import { expect, test } from 'bun:test'
import type { EventBody, InstanceId } from '../../lib/event/event.ts'
import type { PastTimes } from '../../lib/event/past-times.ts'
import { forecastWords, foresee, leftWords, remaining } from '../../lib/report/forecast.ts'
import { advance, newProgress } from '../../lib/report/progress.ts'

const start = Date.parse('2026-01-05T10:00:00.000Z')
const lastOk = { run: 'r-0001', startedAt: '2026-01-04T09:30:05.123Z' }
const past = (ran: Record<string, number>, looked: Record<string, number> = {}, ok = true): PastTimes => ({
  ...(ok ? { lastOk } : {}),
  ranSeconds: new Map(Object.entries(ran) as [InstanceId, number][]),
  lookedSeconds: new Map(Object.entries(looked) as [InstanceId, number][]),
})
/** a → b on two nodes, then c after both. */
const instances = [
  { id: 'a@n', waitsFor: [] },
  { id: 'b@n', waitsFor: ['a@n'] },
  { id: 'b@m', waitsFor: ['a@n'] },
  { id: 'c@n', waitsFor: ['b@n', 'b@m'] },
] as const
const times = past({ 'a@n': 10, 'b@n': 20, 'b@m': 60, 'c@n': 5 }, { 'a@n': 1, 'b@n': 2, 'b@m': 3, 'c@n': 0.5 })

/** A run so far, as bodies of events with the second in which they happened. */
function after(...events: readonly (readonly [number, EventBody['type'], InstanceId, object?])[]) {
  const progress = newProgress()
  const at = (seconds: number) => new Date(start + seconds * 1000).toISOString()
  const begun = { type: 'run-started', lab: 'x', kedge: '1', instances: 4, jobs: 2, seed: 1, dryRun: false } as const
  advance(progress, { at: at(0), run: 'r', ...begun })
  for (const [seconds, type, id, more] of events) {
    const [task = '', node = ''] = id.split('@')
    const body = { type, id, task, node, phase: 'p', why: '', attempt: 1, seconds: 0, ...more } as unknown as EventBody
    advance(progress, { at: at(seconds), run: 'r', ...body })
  }
  return progress
}
const secondsLeft = (progress: ReturnType<typeof after>, atSecond: number, isToRun = (_: InstanceId) => true) => {
  const forecast = foresee(instances, times, isToRun)
  if (!forecast) throw new Error('no forecast')
  return remaining(forecast, progress, start + atSecond * 1000).seconds
}

test('before anything has begun it is the longest chain, not the sum', () => {
  expect(secondsLeft(after(), 0)).toBe(75)
})

test('what runs counts down, what has ended counts nothing', () => {
  expect(secondsLeft(after([0, 'task-started', 'a@n']), 4)).toBe(71)
  const inTheMiddle = after(
    [0, 'task-started', 'a@n'],
    [8, 'task-finished', 'a@n'],
    [8, 'task-started', 'b@n'],
    [8, 'task-started', 'b@m'],
  )
  expect(secondsLeft(inTheMiddle, 18)).toBe(55)
})

test('what takes longer than last time does not make the rest shorter', () => {
  expect(secondsLeft(after([0, 'task-started', 'a@n']), 1000)).toBe(65)
})

test('what was brought to done is only looked at, until it turns out to be run', () => {
  const onlyLook = () => false
  expect(secondsLeft(after(), 0, onlyLook)).toBe(4.5)
  expect(secondsLeft(after([0, 'task-checking', 'a@n']), 0.5, onlyLook)).toBe(4)
  expect(secondsLeft(after([0, 'task-checking', 'a@n'], [1, 'task-started', 'a@n']), 1, onlyLook)).toBe(12.5)
})

test('another attempt begins anew', () => {
  const again = after([0, 'task-started', 'a@n'], [30, 'task-started', 'a@n', { attempt: 2 }])
  expect(secondsLeft(again, 33)).toBe(72)
})

test('what was held back or failed is nothing to wait for', () => {
  const failed = after(
    [5, 'task-failed', 'a@n', { failure: { kind: 'bug', message: '' } }],
    [5, 'task-skipped', 'b@n', { because: 'dependency-failed' }],
    [5, 'task-skipped', 'b@m', { because: 'dependency-failed' }],
    [5, 'task-skipped', 'c@n', { because: 'dependency-failed' }],
  )
  expect(secondsLeft(failed, 5)).toBe(0)
})

test('a new node takes as long as the middle one of its neighbours did', () => {
  const more = [{ id: 'b@new', waitsFor: [] }] as const
  const forecast = foresee(more, past({ 'b@n': 20, 'b@m': 60, 'b@o': 30 }), () => true)
  expect(forecast?.instances[0]?.runSeconds).toBe(30)
})

test('what was never run makes it a lower bound', () => {
  const forecast = foresee([...instances, { id: 'new@n', waitsFor: [] }], times, () => true)
  if (!forecast) throw new Error('no forecast')
  expect(remaining(forecast, after(), start)).toEqual({ seconds: 75, isAtLeast: true })
  expect(leftWords(forecast, after(), start)).toBe('at least 1:15 left')
  expect(remaining(forecast, after([1, 'task-finished', 'new@n']), start).isAtLeast).toBe(false)
})

test('in words', () => {
  const forecast = foresee(instances, times, () => true)
  if (!forecast) throw new Error('no forecast')
  expect(forecastWords(forecast, after())).toBe('about 1 min 15 s to go, by run r-0001 of 2026-01-04 09:30:05 UTC')
  expect(leftWords(forecast, after(), start)).toBe('about 1:15 left')
  const late = after(...(['a@n', 'b@n', 'b@m'] as const).map((id) => [1, 'task-finished', id] as const), [
    1,
    'task-started',
    'c@n',
  ])
  expect(leftWords(forecast, late, start + 60_000)).toBe('longer than last time')
})

test('without a run that ended well there is none, and that is said', () => {
  expect(foresee(instances, past({ 'a@n': 10 }, {}, false), () => true)).toBeUndefined()
  expect(forecastWords(undefined, after())).toBe(
    'how long it takes is not known: no run of this lab has ended well yet',
  )
})
