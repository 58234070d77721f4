import type { Emit } from '../event/event.ts'
import type { Failure } from '../event/failure.ts'
import { withKnownCause } from '../event/known-failure.ts'
import { mask } from '../host/secret.ts'
import { fieldsOf, type Instance } from '../plan/plan.ts'
import type { Check, Task, TaskContext } from '../task/task.ts'
import type { SeenDone } from './look-ahead.ts'
import { openAttempt } from './open-attempt.ts'
import { isWorthRetrying, retryDelaySeconds } from './retry.ts'
import type { World } from './world.ts'

export type Ending =
  | { readonly state: 'done' | 'already-done' | 'pending' | 'interrupted' }
  | { readonly state: 'failed'; readonly failure: Failure }

export type InstanceLimits = {
  readonly dryRun?: boolean
  readonly force?: boolean
  /** In a dry run: something that this instance waits for is still to do, so its check may find nothing to look at. */
  readonly afterPending: boolean
  /** Its check has been asked ahead, which is done for none that is forced. */
  readonly seenDone?: SeenDone | undefined
}

/** Why a dry run takes an instance as to be done whose check found nothing to look at, as something before it is to be done. */
export const notAskable = 'after what it waits for'

/** Check → run → check, with the task's timeout around each attempt. Emits the instance's events, last the one that ends it. */
export async function runInstance(
  instance: Instance,
  world: World,
  emit: Emit,
  limits: InstanceLimits,
  stop: AbortSignal,
): Promise<Ending> {
  const fields = fieldsOf(instance)
  const began = world.now()
  const seconds = () => (world.now() - began) / 1000
  // Asked at the end: what files it was given, a look at them finds out.
  const given = () => {
    const inputs = world.inputs?.(instance)
    return inputs ? { inputs } : {}
  }
  const seenSeconds = await limits.seenDone
  if (seenSeconds !== undefined) {
    emit({ type: 'task-skipped', because: 'already-done', seconds: seenSeconds, ...given(), ...fields })
    return { state: 'already-done' }
  }
  emit({ type: 'task-checking', ...fields })

  for (let attempt = 1, retries = 0; ; attempt++) {
    const ending = explained(await oneAttempt(instance, world, emit, limits, stop, attempt), instance)
    switch (ending.state) {
      case 'done':
        emit({ type: 'task-finished', seconds: seconds(), ...given(), ...fields })
        return ending
      case 'already-done':
        emit({ type: 'task-skipped', because: 'already-done', seconds: seconds(), ...given(), ...fields })
        return ending
      case 'pending':
        emit({ type: 'task-pending', why: ending.why, seconds: seconds(), ...fields })
        return { state: 'pending' }
      case 'interrupted':
        emit({ type: 'task-skipped', because: 'interrupted', seconds: seconds(), ...fields })
        return ending
      case 'failed': {
        // What is waited for now was asked before, and has to be asked anew.
        world.looks?.forget()
        // A lost link is no fault of the task's: it is tried again, for as long as the task may take, whatever its retries.
        const isLostLink = ending.failure.kind === 'unreachable' && seconds() < instance.timeoutSeconds
        if (!isLostLink) retries++
        const isOver = limits.dryRun || !isWorthRetrying(ending.failure) || (!isLostLink && retries > instance.retries)
        if (isOver) {
          emit({ type: 'task-failed', seconds: seconds(), failure: ending.failure, ...fields })
          return ending
        }
        const inSeconds = retryDelaySeconds(attempt)
        emit({ type: 'task-retrying', attempt, inSeconds, failure: ending.failure, ...fields })
        // A rejected sleep means that the run was stopped; the next attempt notices that before it does anything.
        await world.sleep(inSeconds, stop).catch(() => {})
        break
      }
      default:
        ending satisfies never
    }
  }
}

type AttemptEnding =
  | { readonly state: 'done' | 'already-done' | 'interrupted' }
  | { readonly state: 'pending'; readonly why: string }
  | { readonly state: 'failed'; readonly failure: Failure }

const explained = (ending: AttemptEnding, { node }: Instance): AttemptEnding =>
  ending.state === 'failed' ? { ...ending, failure: withKnownCause(ending.failure, node) } : ending

async function oneAttempt(
  instance: Instance,
  world: World,
  emit: Emit,
  limits: InstanceLimits,
  stop: AbortSignal,
  attempt: number,
): Promise<AttemptEnding> {
  if (stop.aborted) return { state: 'interrupted' }
  const fields = fieldsOf(instance)
  const { isTimedOut, work } = openAttempt(instance, world, emit, stop)
  let changeEnds: (() => void) | undefined
  const start = async (why: string) => {
    emit({ type: 'task-started', why, attempt, ...fields })
    changeEnds = world.looks?.changeBegins()
    await world.onDisk?.()
  }
  try {
    return await work((task, context) => checkRunCheck(task, context, limits, start))
  } catch (error) {
    if (stop.aborted) return { state: 'interrupted' }
    if (isTimedOut()) return { state: 'failed', failure: timeoutFailure(instance, world.toFailure(error)) }
    const failure = world.toFailure(error)
    if (limits.dryRun && limits.afterPending) return { state: 'pending', why: notAskable }
    return { state: 'failed', failure }
  } finally {
    changeEnds?.()
  }
}

async function checkRunCheck(
  task: Task,
  context: TaskContext,
  limits: InstanceLimits,
  start: (why: string) => Promise<void>,
): Promise<AttemptEnding> {
  const before = await task.check(context)
  if (before.done && !limits.force) return { state: 'already-done' }
  const why = whyOf(before)
  if (limits.dryRun) return { state: 'pending', why }
  context.signal.throwIfAborted()
  await start(why)
  context.signal.throwIfAborted()
  await task.run(context)
  const after = await task.check(context)
  if (after.done) return { state: 'done' }
  return { state: 'failed', failure: { kind: 'still-pending', message: `ran, and yet: ${whyOf(after)}` } }
}

// A check may quote what it found.
const whyOf = (check: Check) => (check.done ? 'forced' : mask(check.why))

function timeoutFailure(instance: Instance, { host, command, lastLines, cause, cure }: Failure): Failure {
  return {
    kind: 'timeout',
    message: `not done within its timeout of ${instance.timeoutSeconds} s`,
    ...(host ? { host } : {}),
    ...(command ? { command } : {}),
    ...(lastLines ? { lastLines } : {}),
    ...(cause ? { cause } : {}),
    ...(cure ? { cure } : {}),
  }
}
