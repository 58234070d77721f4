import type { Event, InstanceFields } from '../event/event.ts'
import { lastVersion } from './clean-line.ts'

/** An instance between its first event and its end. */
export type Active = InstanceFields & {
  readonly sinceMilliseconds: number
  /** Since when it changes something; undefined as long as it only looks. */
  attemptMilliseconds?: number
  /** What it does or printed last; not cleaned yet. */
  last: string
}

/** Where a run stands after the events so far: what every way of watching a run shows. */
export type Progress = {
  lab: string
  dryRun: boolean
  startedMilliseconds: number
  /** As announced, or as many as have ended where that is more. */
  total: number
  /** Done, already so, failed, held back or interrupted. */
  ended: number
  readonly endedIds: Set<string>
  heldBack: number
  readonly failures: { readonly id: string; readonly message: string }[]
  /** In the order in which they began. */
  readonly active: Map<string, Active>
}

/** A line is looked at only when it is drawn; what can never be seen need not be kept. */
const longestLine = 1000

export const newProgress = (): Progress => ({
  lab: '',
  dryRun: false,
  startedMilliseconds: Number.NaN,
  total: 0,
  ended: 0,
  endedIds: new Set(),
  failures: [],
  heldBack: 0,
  active: new Map(),
})

/** Takes one event in; `progress` is changed in place, since a run has many events. */
export function advance(progress: Progress, event: Event): void {
  const at = Date.parse(event.at)
  if (Number.isNaN(progress.startedMilliseconds)) progress.startedMilliseconds = at
  switch (event.type) {
    case 'run-started':
      progress.lab = event.lab
      progress.dryRun = event.dryRun
      progress.total = event.instances
      progress.startedMilliseconds = at
      return
    case 'task-checking':
      begin(progress, event, at).last = 'checks'
      return
    case 'task-started': {
      const active = begin(progress, event, at)
      active.last = event.why
      // The whole time of one that is not tried again has its check in it.
      active.attemptMilliseconds = event.attempt > 1 ? at : active.sinceMilliseconds
      return
    }
    case 'task-output': {
      const active = progress.active.get(event.id)
      const text = lastVersion(event.text)
      if (active && text.trim() !== '') active.last = text.slice(0, longestLine)
      return
    }
    case 'task-retrying':
      begin(progress, event, at).last = `tries again in ${event.inSeconds} s: ${event.failure.message}`
      return
    case 'task-finished':
    case 'task-pending':
      end(progress, event.id)
      return
    case 'task-failed':
      progress.failures.push({ id: event.id, message: event.failure.message })
      end(progress, event.id)
      return
    case 'task-skipped':
      // Not part of the run, so neither in its total nor in what has ended.
      if (event.because === 'not-selected') return
      if (event.because === 'dependency-failed') progress.heldBack += 1
      end(progress, event.id)
      return
    case 'run-finished':
      progress.active.clear()
      return
    default:
      event satisfies never
  }
}

function begin(progress: Progress, event: Event & InstanceFields, at: number): Active {
  const known = progress.active.get(event.id)
  if (known) return known
  const { id, task, node, phase } = event
  const active: Active = { id, task, node, phase, sinceMilliseconds: at, last: '' }
  progress.active.set(id, active)
  return active
}

function end(progress: Progress, id: string): void {
  progress.active.delete(id)
  progress.ended += 1
  progress.endedIds.add(id)
  progress.total = Math.max(progress.total, progress.ended)
}
