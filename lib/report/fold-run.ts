import type { Event, InstanceFields } from '../event/event.ts'
import type { Failure } from '../event/failure.ts'

/** `unfinished`: it began, and nothing more is known; `pending`: a dry run found something to do. */
export type InstanceState =
  | 'finished'
  | 'already-done'
  | 'failed'
  | 'held-back'
  | 'interrupted'
  | 'not-selected'
  | 'pending'
  | 'unfinished'

export type InstanceRecord = InstanceFields & {
  /** The run that this was seen in. */
  readonly run: string
  readonly state: InstanceState
  /** How often `run` began; 0 where nothing was changed. */
  readonly attempts: number
  /** Check included; up to the run's last event where the instance has no end. */
  readonly seconds: number
  /** ISO 8601 in UTC. */
  readonly startedAt: string
  readonly finishedAt: string
  readonly failure?: Failure
  /** The failed instance that held this one back. */
  readonly cause?: string
  /** What the check found missing. */
  readonly why?: string
}

export type RunRecord = {
  readonly id: string
  readonly lab: string
  readonly kedge: string
  readonly startedAt: string
  readonly dryRun: boolean
  /** Up to the last event where the run has no end. */
  readonly seconds: number
  /** `unfinished`: kedge was killed, or is still at it. */
  readonly result: 'ok' | 'failed' | 'interrupted' | 'unfinished'
  /** How many instances the run covers. */
  readonly total: number
  /** In the order of their first event. */
  readonly instances: readonly InstanceRecord[]
}

/** A run from its events in their order; events of other runs are left out. */
export function foldRun(events: Iterable<Event>): RunRecord {
  const drafts = new Map<string, Draft>()
  let record: Omit<RunRecord, 'instances'> | undefined
  let lastAt = ''
  for (const event of events) {
    record ??= emptyRecord(event)
    if (event.run !== record.id) continue
    lastAt = event.at
    if (event.type === 'run-started') {
      const { lab, kedge, dryRun, instances } = event
      record = { ...record, lab, kedge, dryRun, total: instances, startedAt: event.at }
    } else if (event.type === 'run-finished') {
      record = { ...record, result: event.result, seconds: event.seconds }
    } else {
      const draft = drafts.get(event.id) ?? newDraft(event)
      drafts.set(event.id, draft)
      take(draft, event)
    }
  }
  if (!record) throw new Error('a run without events')
  const seconds = record.result === 'unfinished' ? secondsBetween(record.startedAt, lastAt) : record.seconds
  return { ...record, seconds, instances: [...drafts.values()].map((draft) => closed(draft, lastAt)) }
}

/** Every run among the events, in the order of their first event. */
export function foldRuns(events: Iterable<Event>): readonly RunRecord[] {
  return [...Map.groupBy(events, (event) => event.run).values()].map(foldRun)
}

type Draft = { -readonly [Key in keyof InstanceRecord]: InstanceRecord[Key] }
type InstanceEvent = Extract<Event, InstanceFields>

const emptyRecord = (event: Event): Omit<RunRecord, 'instances'> => ({
  id: event.run,
  lab: '',
  kedge: '',
  startedAt: event.at,
  dryRun: false,
  seconds: 0,
  result: 'unfinished',
  total: 0,
})

const newDraft = ({ id, task, node, phase, run, at }: InstanceEvent): Draft => ({
  id,
  task,
  node,
  phase,
  run,
  state: 'unfinished',
  attempts: 0,
  seconds: 0,
  startedAt: at,
  finishedAt: '',
})

const skipStates = {
  'already-done': 'already-done',
  'dependency-failed': 'held-back',
  interrupted: 'interrupted',
  'not-selected': 'not-selected',
} as const

function take(draft: Draft, event: InstanceEvent): void {
  switch (event.type) {
    case 'task-checking':
    case 'task-output':
      return
    case 'task-started':
      draft.attempts = Math.max(draft.attempts + 1, event.attempt)
      draft.why = event.why
      return
    case 'task-retrying':
      draft.failure = event.failure
      return
    case 'task-pending':
      draft.why = event.why
      end(draft, 'pending', event)
      return
    case 'task-finished':
      // Without its start in the events it has run all the same.
      draft.attempts = Math.max(1, draft.attempts)
      delete draft.failure
      end(draft, 'finished', event)
      return
    case 'task-failed':
      draft.failure = event.failure
      end(draft, 'failed', event)
      return
    case 'task-skipped':
      if (event.cause) draft.cause = event.cause
      end(draft, skipStates[event.because], event)
      return
    default:
      event satisfies never
  }
}

function end(
  draft: Draft,
  state: InstanceState,
  { at, seconds }: { readonly at: string; readonly seconds: number },
): void {
  draft.state = state
  draft.seconds = seconds
  draft.finishedAt = at
  // Told from the end, since the journal does not keep the check that an instance begins with.
  draft.startedAt = new Date(Date.parse(at) - seconds * 1000).toISOString()
}

const closed = (draft: Draft, lastAt: string): InstanceRecord =>
  draft.finishedAt === ''
    ? { ...draft, finishedAt: lastAt, seconds: secondsBetween(draft.startedAt, lastAt) }
    : { ...draft }

const secondsBetween = (from: string, to: string): number => Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000)
