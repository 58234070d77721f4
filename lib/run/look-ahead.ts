import type { Emit, InstanceId } from '../event/event.ts'
import { fieldsOf, type Instance } from '../plan/plan.ts'
import { openAttempt } from './open-attempt.ts'
import type { World } from './world.ts'

/** Seconds that the check took that said done; undefined where the instance is to be asked in its turn. */
export type SeenDone = Promise<number | undefined>

/**
 * In a lab that was built before, most checks will say done, so they need not wait for each other: what the last run left done is
 * asked while there is room. The answer holds as long as nothing is changed; "not done" and "cannot be asked" are found out
 * again in the instance's turn.
 */
export type LookAhead = {
  /** Begins as many looks as there is room for, in the order of the instances. */
  fill(room: number): void
  /** The instance's turn has come. */
  take(instance: Instance): SeenDone | undefined
  /** Something is about to be changed: what was seen holds no longer. */
  changeBegins(): void
  /** Resolves when the looks that are still under way have been stopped. */
  end(): Promise<void>
}

/** `onRoom` is called when a look has ended. */
export function lookAhead(instances: readonly Instance[], world: World, emit: Emit, onRoom: () => void): LookAhead {
  const waiting = instances.values()
  const looks = new Map<InstanceId, SeenDone>()
  const underWay = new Set<InstanceId>()
  const taken = new Set<InstanceId>()
  const over = new AbortController()
  let hasChanged = false

  const look = async (instance: Instance): SeenDone => {
    const began = world.now()
    underWay.add(instance.id)
    emit({ type: 'task-checking', ...fieldsOf(instance) })
    try {
      const { done } = await openAttempt(instance, world, emit, over.signal).work((task, context) =>
        task.check(context),
      )
      return done && !hasChanged ? (world.now() - began) / 1000 : undefined
    } catch {
      return undefined
    } finally {
      underWay.delete(instance.id)
      onRoom()
    }
  }

  return {
    fill(room) {
      while (!hasChanged && !over.signal.aborted && underWay.size < room) {
        const { value: instance } = waiting.next()
        if (!instance) return
        if (!taken.has(instance.id)) looks.set(instance.id, look(instance))
      }
    },
    take({ id }) {
      taken.add(id)
      // From now on it has the room that a running instance has.
      underWay.delete(id)
      return hasChanged ? undefined : looks.get(id)
    },
    changeBegins() {
      hasChanged = true
    },
    async end() {
      over.abort()
      await Promise.all(looks.values())
    },
  }
}
