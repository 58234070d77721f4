import type { Database } from 'bun:sqlite'
import type { InstanceId } from './event.ts'

/** What earlier runs of a lab tell of how long things take. */
export type PastTimes = {
  /** The newest run that ended well; dry runs do not count. `startedAt` is ISO 8601 in UTC. */
  readonly lastOk?: { readonly run: string; readonly startedAt: string }
  /** Seconds that an instance took when it last was brought to done, in whatever run. */
  readonly ranSeconds: ReadonlyMap<InstanceId, number>
  /** Seconds that its check took when it last found all done. */
  readonly lookedSeconds: ReadonlyMap<InstanceId, number>
}

export function readPastTimes(database: Database): PastTimes {
  const lastOk = database
    .query(
      `SELECT s.run, s.at AS startedAt FROM events f JOIN events s ON s.run = f.run AND s.type = 'run-started'
       WHERE f.instance IS NULL AND f.type = 'run-finished' AND json_extract(f.body, '$.result') = 'ok'
         AND NOT json_extract(s.body, '$.dryRun')
       ORDER BY f.seq DESC LIMIT 1`,
    )
    .get() as PastTimes['lastOk'] | null
  // The index has all that the inner query asks for: a journal of many runs is not read.
  const seconds = database.query(
    `SELECT instance, json_extract(body, '$.seconds') AS seconds FROM events WHERE seq IN (
       SELECT max(seq) FROM events WHERE type = ?1 AND instance IS NOT NULL GROUP BY instance)
     AND (?2 IS NULL OR json_extract(body, '$.because') = ?2)`,
  )
  const read = (type: string, because: string | null) =>
    new Map(
      (seconds.all(type, because) as { instance: InstanceId; seconds: number }[]).map((row) => [
        row.instance,
        row.seconds,
      ]),
    )
  return {
    ...(lastOk ? { lastOk } : {}),
    ranSeconds: read('task-finished', null),
    lookedSeconds: read('task-skipped', 'already-done'),
  }
}
