import type { Emit, EventBody, InstanceId } from '../event/event.ts'
import type { Failure } from '../event/failure.ts'
import { fieldsOf, type Instance, type Plan } from '../plan/plan.ts'
import { lookAhead } from './look-ahead.ts'
import { readySet } from './ready-set.ts'
import { type Ending, runInstance } from './run-instance.ts'
import type { World } from './world.ts'

export type Limits = {
  /** How many instances run at once. */
  readonly jobs: number
  /** Looks, changes nothing. */
  readonly dryRun?: boolean
  /** Runs these, or all, even where the check says done. */
  readonly force?: boolean | ReadonlySet<InstanceId>
  /** Tries what waits for a failed instance as well. */
  readonly keepGoing?: boolean
}

export type Outcome = {
  readonly result: 'ok' | 'failed' | 'interrupted'
  readonly failures: ReadonlyMap<InstanceId, Failure>
  /** Instances that a dry run found still to do. */
  readonly pending: readonly InstanceId[]
}

/**
 * Runs a plan: whatever has its needs met starts at once, up to `jobs`; what holds up most goes first, among equals in seeded
 * random order. A failure holds back what waits for it and nothing else. After `signal` fires nothing new starts, and what runs
 * is ended.
 * Rejects only when an event cannot be recorded; everything that goes wrong in a task is in the outcome.
 */
export async function execute(
  plan: Plan,
  world: World,
  emit: Emit,
  limits: Limits,
  signal: AbortSignal,
): Promise<Outcome> {
  const began = world.now()
  const dependents = new Map<InstanceId, Instance[]>()
  const waiting = new Map<InstanceId, number>()
  const ready = readySet(plan.instances, () => world.random())
  for (const instance of plan.instances) {
    waiting.set(instance.id, instance.waitsFor.length)
    if (instance.waitsFor.length === 0) ready.add(instance)
    for (const id of instance.waitsFor) {
      const list = dependents.get(id)
      if (list) list.push(instance)
      else dependents.set(id, [instance])
    }
  }

  const { force = false } = limits
  const isForced = ({ id }: Instance) => (typeof force === 'boolean' ? force : force.has(id))
  const failures = new Map<InstanceId, Failure>()
  const heldBack = new Set<InstanceId>()
  const pending = new Set<InstanceId>()
  const counts = { finished: 0, alreadyDone: 0 }
  const running = new Set<InstanceId>()
  const started = new Set<InstanceId>()
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  signal.addEventListener('abort', onSignal, { once: true })
  if (signal.aborted) stop.abort()

  emit({
    type: 'run-started',
    lab: plan.lab,
    kedge: world.version,
    instances: plan.instances.length,
    jobs: limits.jobs,
    seed: world.seed,
    dryRun: limits.dryRun ?? false,
  })

  await new Promise<void>((resolve, reject) => {
    let broken: unknown
    /** An event that cannot be recorded ends the run: going on would mean effects that nobody knows of. */
    const guarded = (body: EventBody) => {
      if (broken !== undefined) return
      try {
        emit(body)
      } catch (error) {
        broken = error ?? new Error('an event could not be recorded')
        stop.abort()
      }
    }

    const onDisk = async () => {
      try {
        await world.onDisk?.()
      } catch (error) {
        broken ??= error ?? new Error('events could not be put on disk')
        stop.abort()
        throw error
      }
    }
    const likelyDone = plan.instances.filter((instance) => world.wasDone?.(instance) && !isForced(instance))
    const unlessHeldBack = (body: EventBody) => {
      if (!('id' in body && heldBack.has(body.id))) guarded(body)
    }
    const ahead = lookAhead(likelyDone, world, unlessHeldBack, () => advance())
    stop.signal.addEventListener('abort', () => void ahead.end(), { once: true })
    const changeBegins = () => {
      ahead.changeBegins()
      return world.looks?.changeBegins() ?? (() => {})
    }
    const guardedWorld: World = { ...world, onDisk, looks: { forget: () => world.looks?.forget(), changeBegins } }

    const holdBack = (failed: InstanceId) => {
      const stack = [failed]
      for (let id = stack.pop(); id; id = stack.pop()) {
        for (const instance of dependents.get(id) ?? []) {
          if (heldBack.has(instance.id)) continue
          heldBack.add(instance.id)
          stack.push(instance.id)
          guarded({
            type: 'task-skipped',
            because: 'dependency-failed',
            cause: failed,
            seconds: 0,
            ...fieldsOf(instance),
          })
        }
      }
    }

    const release = (id: InstanceId) => {
      for (const instance of dependents.get(id) ?? []) {
        const left = (waiting.get(instance.id) ?? 0) - 1
        waiting.set(instance.id, left)
        if (left === 0 && !heldBack.has(instance.id)) ready.add(instance)
      }
    }

    const settle = (instance: Instance, ending: Ending) => {
      running.delete(instance.id)
      switch (ending.state) {
        case 'done':
          counts.finished++
          release(instance.id)
          break
        case 'already-done':
          counts.alreadyDone++
          release(instance.id)
          break
        case 'pending':
          pending.add(instance.id)
          release(instance.id)
          break
        case 'failed':
          failures.set(instance.id, ending.failure)
          if (limits.keepGoing || limits.dryRun) release(instance.id)
          else holdBack(instance.id)
          break
        case 'interrupted':
          break
        default:
          ending satisfies never
      }
      advance()
    }

    const isAfterPending = (instance: Instance) => instance.waitsFor.some((id) => pending.has(id) || failures.has(id))

    const advance = () => {
      while (!stop.signal.aborted && running.size < limits.jobs) {
        const instance = ready.take()
        if (!instance) break
        running.add(instance.id)
        started.add(instance.id)
        const bounds = {
          dryRun: limits.dryRun ?? false,
          force: isForced(instance),
          afterPending: isAfterPending(instance),
          seenDone: ahead.take(instance),
        }
        runInstance(instance, guardedWorld, guarded, bounds, stop.signal).then(
          (ending) => settle(instance, ending),
          // runInstance turns whatever a task throws into an ending, so this is the executor's own fault.
          (error) => {
            broken ??= error
            stop.abort()
            settle(instance, { state: 'interrupted' })
          },
        )
      }
      if (running.size > 0) return ahead.fill(limits.jobs - running.size)
      void ahead.end().then(() => {
        if (broken !== undefined) reject(broken)
        else resolve()
      })
    }
    advance()
  }).finally(() => signal.removeEventListener('abort', onSignal))

  if (stop.signal.aborted) {
    for (const instance of plan.instances) {
      if (started.has(instance.id) || heldBack.has(instance.id)) continue
      emit({ type: 'task-skipped', because: 'interrupted', seconds: 0, ...fieldsOf(instance) })
    }
  }
  const result = stop.signal.aborted ? 'interrupted' : failures.size > 0 ? 'failed' : 'ok'
  emit({
    type: 'run-finished',
    result,
    seconds: (world.now() - began) / 1000,
    finished: counts.finished,
    alreadyDone: counts.alreadyDone,
    failed: failures.size,
    heldBack: heldBack.size,
  })
  return { result, failures, pending: [...pending] }
}
