import type { Database } from 'bun:sqlite'
import type { Event, InstanceId } from './event.ts'

type Newest = ReadonlyMap<InstanceId, Event>

const foundDone = `(type = 'task-skipped' AND json_extract(body, '$.because') = 'already-done')`

/** Of the events that are kept as the newest of an instance: it ended well, or was found done. */
export const saysDone = (event: Event): event is Extract<Event, { type: 'task-finished' | 'task-skipped' }> =>
  event.type === 'task-finished' || event.type === 'task-skipped'

/**
 * The newest event of each instance that says how it is, over all runs since its node was removed: it began, ended, was found
 * done, or a dry run found it to be done yet. One that was held back or stopped says nothing.
 */
export const readLastKnown = (database: Database): Newest =>
  newest(database, `type IN ('task-started', 'task-finished', 'task-failed', 'task-pending') OR ${foundDone}`)

/** The same of those events alone that say that it was done. */
export const readLastDone = (database: Database): Newest => newest(database, `type = 'task-finished' OR ${foundDone}`)

function newest(database: Database, condition: string): Newest {
  const rows = database
    .query(
      `SELECT body FROM events e WHERE seq IN (SELECT max(seq) FROM events WHERE ${condition} GROUP BY instance)
       AND NOT EXISTS (SELECT 1 FROM events r WHERE r.type = 'node-removed'
         AND r.instance = substr(e.instance, instr(e.instance, '@')) AND r.seq > e.seq)`,
    )
    .all() as { body: string }[]
  const events = rows.map(({ body }) => JSON.parse(body) as Event)
  return new Map(events.flatMap((event) => ('id' in event ? [[event.id, event] as const] : [])))
}

/** The newest event that says that this one instance was begun, ended well, or was found done, since its node was removed. */
export function readLastOf(database: Database, id: InstanceId): Event | undefined {
  const row = database
    .query(
      `SELECT body FROM events e WHERE instance = ?1 AND (type IN ('task-started', 'task-finished') OR ${foundDone})
       AND NOT EXISTS (SELECT 1 FROM events r WHERE r.type = 'node-removed'
         AND r.instance = substr(?1, instr(?1, '@')) AND r.seq > e.seq)
       ORDER BY seq DESC LIMIT 1`,
    )
    .get(id) as { body: string } | null
  return row ? (JSON.parse(row.body) as Event) : undefined
}
