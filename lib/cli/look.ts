import type { Event, InstanceId } from '../event/event.ts'
import type { Failure } from '../event/failure.ts'
import { createRecorder } from '../event/recorder.ts'
import type { Instance } from '../plan/plan.ts'
import { cleanLine } from '../report/clean-line.ts'
import { execute } from '../run/execute.ts'
import type { Terminal } from './command.ts'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import type { Lab } from './lab.ts'
import type { Past } from './past-of.ts'
import type { Session } from './session.ts'
import { wasDoneBy } from './was-done.ts'

/** What a look at an instance found; `unknown` means that its check could not be asked. `why` is the check's own words. */
export type Verdict = {
  readonly state: 'pending' | 'done' | 'unknown'
  readonly why: string
  readonly cure?: string
}

export type Look = { readonly verdicts: ReadonlyMap<InstanceId, Verdict>; readonly exitCode: number }

/** Asks every instance's check and changes nothing. Journal and lock are not touched, so it works beside a run. */
export async function lookThrough(
  session: Session,
  terminal: Terminal,
  lab: Lab,
  instances: readonly Instance[],
  { lastKnown }: Pick<Past, 'lastKnown'>,
  forced: ReadonlySet<InstanceId> = new Set(),
): Promise<Look> {
  const verdicts = new Map<InstanceId, Verdict>()
  const note = (event: Event) => {
    if (event.type === 'task-pending') verdicts.set(event.id, { state: 'pending', why: cleanLine(event.why) })
    else if (event.type === 'task-failed') verdicts.set(event.id, unknownBecause(event.failure))
    else if (event.type === 'task-skipped' && event.because === 'already-done')
      verdicts.set(event.id, { state: 'done', why: '' })
  }
  const emit = createRecorder(
    'look',
    () => new Date(),
    note,
    [],
    () => {},
  )
  const limits = { jobs: Math.max(8, lab.topology.nodes.length * 2), dryRun: true, force: forced }
  const world = { ...session.world, wasDone: wasDoneBy(lastKnown) }
  const outcome = await execute({ lab: lab.topology.lab, instances }, world, emit, limits, terminal.signal)
  const kinds = [...outcome.failures.values()].map(({ kind }) => kind)
  return { verdicts, exitCode: outcome.result === 'interrupted' ? exitCodes.interrupted : exitCodeOf(kinds) }
}

export const unknownBecause = ({ message, cure }: Failure): Verdict & { readonly state: 'unknown' } => ({
  state: 'unknown',
  why: cleanLine(message),
  ...(cure === undefined ? {} : { cure: cleanLine(cure) }),
})
