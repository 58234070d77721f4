import type { InstanceId } from '../event/event.ts'
import type { PastTimes } from '../event/past-times.ts'
import { formatClock, formatSeconds } from './duration.ts'
import type { Progress } from './progress.ts'

/** An instance before it has begun. */
export type Foreseen = {
  readonly id: InstanceId
  readonly waitsFor: readonly InstanceId[]
  /** Its whole time where it has to be run; undefined where it never was, here or on another node. */
  readonly runSeconds: number | undefined
  /** Its whole time where its check finds all done. */
  readonly lookSeconds: number
  readonly isToRun: boolean
}

/** How long a run is going to take, by earlier ones; each instance stands after all that it waits for. */
export type Forecast = {
  readonly run: string
  readonly startedAt: string
  readonly instances: readonly Foreseen[]
}

/** Undefined as long as no run of the lab has ended well. `isToRun` says what is expected to be more than looked at. */
export function foresee(
  instances: readonly Pick<Foreseen, 'id' | 'waitsFor'>[],
  { lastOk, ranSeconds, lookedSeconds }: PastTimes,
  isToRun: (id: InstanceId) => boolean,
): Forecast | undefined {
  if (!lastOk) return undefined
  const ofTask = new Map(
    [...Map.groupBy(ranSeconds, ([id]) => taskOf(id))].map(([task, its]) => [
      task,
      median(its.map(([, seconds]) => seconds)),
    ]),
  )
  return {
    ...lastOk,
    instances: instances.map(({ id, waitsFor }) => ({
      id,
      waitsFor,
      // A node that is new takes as long as its neighbours did.
      runSeconds: ranSeconds.get(id) ?? ofTask.get(taskOf(id)),
      lookSeconds: lookedSeconds.get(id) ?? 0,
      isToRun: isToRun(id),
    })),
  }
}

/** What is left of the longest chain of instances that wait for each other: no number of jobs makes the run end sooner. */
export type Remaining = {
  readonly seconds: number
  /** Something is still to come that was never run, here or on another node: it takes longer than that. */
  readonly isAtLeast: boolean
}

export function remaining(forecast: Forecast, progress: Progress, nowMilliseconds: number): Remaining {
  const ends = new Map<string, number>()
  let longest = 0
  let isAtLeast = false
  for (const { id, waitsFor, runSeconds, lookSeconds, isToRun } of forecast.instances) {
    if (progress.endedIds.has(id)) continue
    const active = progress.active.get(id)
    const runs = isToRun || active?.attemptMilliseconds !== undefined
    if (runs && runSeconds === undefined) isAtLeast = true
    const since = active?.attemptMilliseconds ?? active?.sinceMilliseconds ?? nowMilliseconds
    const whole = runs ? (runSeconds ?? 0) : lookSeconds
    // Below 0 for what takes longer than it did; what waits for it begins now at the earliest.
    const own = whole - (nowMilliseconds - since) / 1000
    const end = waitsFor.reduce((latest, need) => Math.max(latest, ends.get(need) ?? 0), 0) + own
    ends.set(id, end)
    longest = Math.max(longest, end)
  }
  return { seconds: longest, isAtLeast }
}

/** For the beginning of a run: how long it is going to take and how that is known, or that it is not. */
export function forecastWords(forecast: Forecast | undefined, progress: Progress): string {
  if (!forecast) return 'how long it takes is not known: no run of this lab has ended well yet'
  const { seconds, isAtLeast } = remaining(forecast, progress, progress.startedMilliseconds)
  const when = forecast.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')
  return `${isAtLeast ? 'at least' : 'about'} ${formatSeconds(seconds)} to go, by run ${forecast.run} of ${when}`
}

/** For a line that is drawn again and again. */
export function leftWords(forecast: Forecast, progress: Progress, nowMilliseconds: number): string {
  const { seconds, isAtLeast } = remaining(forecast, progress, nowMilliseconds)
  if (isAtLeast) return `at least ${formatClock(seconds)} left`
  return seconds > 0 ? `about ${formatClock(seconds)} left` : 'longer than last time'
}

const taskOf = (id: string): string => id.slice(0, id.indexOf('@'))

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((one, other) => one - other)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2
}
