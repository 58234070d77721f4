import type { Event, InstanceId } from '../event/event.ts'
import type { World } from '../run/world.ts'

/** By the newest event of each instance that tells how it is. */
export const wasDoneBy =
  (lastKnown: ReadonlyMap<InstanceId, Event>): NonNullable<World['wasDone']> =>
  ({ id }) => {
    const type = lastKnown.get(id)?.type
    return type === 'task-finished' || type === 'task-skipped'
  }
