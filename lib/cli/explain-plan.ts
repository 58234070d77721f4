import type { Event, InstanceId } from '../event/event.ts'
import { type Holder, holderNow } from '../event/lab-lock.ts'
import { changedInputs, type Inputs } from '../plan/inputs-of.ts'
import type { Instance } from '../plan/plan.ts'
import { cleanLine } from '../report/clean-line.ts'
import type { PlanRow } from '../report/plan-text.ts'
import { notAskable } from '../run/run-instance.ts'
import { alwaysRuns } from '../task/task.ts'
import type { Lab } from './lab.ts'
import { unknownBecause, type Verdict } from './look.ts'
import type { Past } from './past-of.ts'
import { labInputs } from './session.ts'

/** What is known before anything is asked. */
export type Knowledge = {
  /** Of each instance the newest end, the newest event that tells how it is, and the newest that says it was done. */
  readonly lastEnds: ReadonlyMap<InstanceId, Event>
  readonly lastKnown: ReadonlyMap<InstanceId, Event>
  readonly lastDone: ReadonlyMap<InstanceId, Event>
  /** Who works on the lab now. */
  readonly held?: Partial<Holder>
  /** What an instance is given now; of a look's session, the files that it has found as well. */
  readonly inputs: (instance: Instance) => Inputs
  /** Instances that would run even where they are done. */
  readonly forced: ReadonlySet<InstanceId>
  /** One-liners that cannot be done, since they have no check. */
  readonly unchecked: ReadonlySet<string>
}

/** What this machine knows of a lab that is about to be asked. */
export function knowledgeOf(
  lab: Lab,
  { lastEnds, lastKnown, lastDone }: Past,
  forced: Knowledge['forced'] = new Set(),
): Knowledge {
  const held = holderNow(lab.stateFolder)
  const unchecked = new Set(
    lab.topology.tasks.flatMap(({ name, sh, check, files }) => (sh && !check && !files ? [name] : [])),
  )
  return { lastEnds, lastKnown, lastDone, inputs: labInputs(lab), forced, unchecked, ...(held ? { held } : {}) }
}

/**
 * Each instance with its verdict and why it is not done. Without verdicts the journal alone answers: what it knows to be
 * done is so no more when what it was given has changed, and only a look at it can tell.
 */
export function explainPlan(
  instances: readonly Instance[],
  knowledge: Knowledge,
  verdicts?: ReadonlyMap<InstanceId, Verdict>,
): readonly PlanRow[] {
  const rows = new Map<string, PlanRow>()
  for (const instance of instances) {
    const verdict = verdicts ? (verdicts.get(instance.id) ?? notLookedAt) : fromJournal(instance, knowledge)
    const after = instance.waitsFor.filter((id) => rows.get(id) && rows.get(id)?.state !== 'done')
    rows.set(instance.id, rowOf(instance, verdict, after, knowledge, verdicts === undefined))
  }
  return [...rows.values()]
}

const notLookedAt: Verdict = { state: 'unknown', why: 'was not looked at' }

function rowOf(
  instance: Instance,
  { state, why, cure }: Verdict,
  after: readonly string[],
  knowledge: Knowledge,
  isOffline: boolean,
): PlanRow {
  const { id, task, node } = instance
  const last = knowledge.lastEnds.get(id)
  const known = knowledge.lastKnown.get(id)
  const lastDone = knowledge.lastDone.get(id)
  const before = lastDone && 'inputs' in lastDone ? lastDone.inputs : undefined
  const changed = changedInputs(before, knowledge.inputs(instance))
  const row = { id, task, node, after, changed, why: why === notAskable ? '' : why, ...(cure ? { cure } : {}) }
  if (knowledge.forced.has(id)) return { ...row, why: '', state: 'pending', reason: 'forced' }
  if (state === 'unknown') return { ...row, state, reason: 'not-asked' }
  if (state === 'done') {
    return isOffline && changed.length > 0
      ? { ...row, state: 'unknown', reason: 'inputs-changed' }
      : { ...row, state, after: [], changed: [] }
  }
  const begun = known?.type === 'task-started'
  if (begun && knowledge.held) return { ...row, state, reason: 'running' }
  if (begun) return { ...row, state, reason: 'unfinished' }
  if (last?.type === 'task-failed' && !(lastDone && lastDone.at > last.at)) return { ...row, state, reason: 'failed' }
  if (why === alwaysRuns) return { ...row, state, reason: 'always' }
  if (!lastDone) return { ...row, state, reason: 'never-run' }
  if (why === notAskable) return { ...row, state, reason: 'waiting' }
  if (changed.length > 0) return { ...row, state, reason: 'inputs-changed' }
  return { ...row, state: 'drifted', reason: 'drifted' }
}

/** What the journal knows last, as if it had been asked now. */
function fromJournal({ id, task }: Instance, { lastKnown, unchecked }: Knowledge): Verdict {
  if (unchecked.has(task)) return { state: 'pending', why: alwaysRuns }
  const known = lastKnown.get(id)
  switch (known?.type) {
    case 'task-finished':
    case 'task-skipped':
      return { state: 'done', why: '' }
    case 'task-failed':
      return { ...unknownBecause(known.failure), state: 'pending' }
    case 'task-pending':
      return { state: 'pending', why: cleanLine(known.why) }
    default:
      return { state: 'pending', why: '' }
  }
}
