import type { Event, InstanceId } from '../event/event.ts'
import { saysDone } from '../event/last-known.ts'
import type { World } from '../run/world.ts'

/** By the newest event of each instance that tells how it is. */
export const wasDoneBy =
  (lastKnown: ReadonlyMap<InstanceId, Event>): NonNullable<World['wasDone']> =>
  ({ id }) => {
    const last = lastKnown.get(id)
    return last !== undefined && saysDone(last)
  }
