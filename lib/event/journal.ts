import { Database } from 'bun:sqlite'
import fs, { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Event, InstanceId } from './event.ts'
import { TaskError } from './failure.ts'
import { shareFlushes } from './flush.ts'
import { readLastDone, readLastKnown, readLastOf } from './last-known.ts'
import { type PastTimes, readPastTimes } from './past-times.ts'

/** Raised whenever the tables change; a journal with a higher one is left alone. */
const journalVersion = 1

/** What is known of one run without reading all its events. Times are ISO 8601 in UTC. */
export type RunEntry = {
  readonly run: string
  readonly startedAt: string
  readonly result?: 'ok' | 'failed' | 'interrupted'
}

/**
 * The lab's memory: every event but output and checks, one row each. It answers who did what, when and how it ended; whether
 * something is so now is asked of the node, never of the journal.
 */
export type Journal = {
  /** What is recorded outlives this process from here on, and a loss of power once `onDisk` says so. */
  record(event: Event): void
  /** Resolves when all that was recorded before would outlive a loss of power; whoever waits at the same time shares a flush. */
  onDisk(): Promise<void>
  /** Whose it is: the lab of its newest run. */
  lab(): string | undefined
  /** Newest first. */
  runs(): readonly RunEntry[]
  /** In the order in which they happened; empty for an unknown run. */
  events(run: string): readonly Event[]
  /** Notes that kedge is about to remove these nodes: how anything ended on them says nothing of what will be there later. */
  noteRemoval(nodes: readonly string[], at: string): void
  /** The newest event of each instance that says how it ended, over all runs since its node was removed. */
  lastEnds(): ReadonlyMap<InstanceId, Event>
  /** The newest event of each instance that tells how it is, over all runs since its node was removed. */
  lastKnown(): ReadonlyMap<InstanceId, Event>
  /** The newest event of each instance that says that it was done: finished, or found so. */
  lastDone(): ReadonlyMap<InstanceId, Event>
  /** Every instance that any run has had to do with, whether it ended or not. */
  instances(): readonly InstanceId[]
  /** How an instance was begun or ended last, or found done, since its node was removed. */
  lastOf(id: InstanceId): Event | undefined
  /** Keeps what an instance's input files are, in place of what was kept before; `digest` is theirs. */
  keepFiles(id: InstanceId, digest: string, contents: ReadonlyMap<string, string>): void
  /** What was kept under this digest. */
  keptFiles(id: InstanceId, digest: string): ReadonlyMap<string, string> | undefined
  /** How long things took, over all runs; a run that goes on now has ended nothing yet. */
  pastTimes(): PastTimes
  close(): void
}

const isKept = (event: Event) => event.type !== 'task-output' && event.type !== 'task-checking'

/** Opens or makes the journal at `path`. Throws a TaskError (`refused`) for one that a newer kedge has written. */
export function openJournal(path: string, options: { readonly readOnly?: boolean } = {}): Journal {
  if (!options.readOnly && !existsSync(path)) makeJournal(path)
  let database = options.readOnly ? new Database(path, { readonly: true }) : openToWrite(path)
  database.run('PRAGMA busy_timeout = 5000')
  const found = database.query('PRAGMA user_version').get() as { user_version: number }
  if (found.user_version > journalVersion) {
    database.close()
    throw new TaskError({
      kind: 'refused',
      message: `${path} was written by a newer kedge (journal version ${found.user_version}, this one knows ${journalVersion})`,
      cure: 'use the newer kedge for this lab, or give another folder with --state',
    })
  } // No kedge leaves one without tables; a copy or a full disk may.
  if (found.user_version === 0 && options.readOnly) {
    database.close()
    database = new Database(':memory:')
  }
  if (found.user_version === 0) createTables(database)

  const insert = options.readOnly
    ? undefined
    : database.query('INSERT INTO events (run, at, type, instance, body) VALUES (?, ?, ?, ?, ?)')
  const log = options.readOnly ? undefined : flushedLog(database, path)
  const parse = (row: unknown) => JSON.parse((row as { body: string }).body) as Event

  return {
    record(event) {
      if (!insert) throw new Error('the journal is open for reading only')
      if (!isKept(event)) return
      insert.run(event.run, event.at, event.type, 'id' in event ? event.id : null, JSON.stringify(event))
      log?.begin()
    },
    onDisk: async () => log?.flush(),
    lab() {
      const row = database
        .query(
          "SELECT json_extract(body, '$.lab') AS lab FROM events WHERE type = 'run-started' ORDER BY seq DESC LIMIT 1",
        )
        .get() as { lab: string } | null
      return row?.lab
    },
    runs() {
      const rows = database
        .query(
          `SELECT s.run, s.at AS startedAt, json_extract(f.body, '$.result') AS result FROM events s
           LEFT JOIN events f ON f.run = s.run AND f.type = 'run-finished'
           WHERE s.type = 'run-started' ORDER BY s.seq DESC`,
        )
        .all() as { run: string; startedAt: string; result: RunEntry['result'] | null }[]
      return rows.map(({ run, startedAt, result }) => ({ run, startedAt, ...(result ? { result } : {}) }))
    },
    events: (run) => database.query('SELECT body FROM events WHERE run = ? ORDER BY seq').all(run).map(parse),
    noteRemoval(nodes, at) {
      for (const node of nodes) insert?.run('', at, 'node-removed', `@${node}`, '{}')
    },
    lastEnds() {
      const rows = database
        .query(
          `SELECT body FROM events e WHERE seq IN (
             SELECT max(seq) FROM events WHERE type IN ('task-finished', 'task-failed') GROUP BY instance)
           AND NOT EXISTS (SELECT 1 FROM events r WHERE r.type = 'node-removed'
             AND r.instance = substr(e.instance, instr(e.instance, '@')) AND r.seq > e.seq)`,
        )
        .all()
      return new Map(rows.map(parse).flatMap((event) => ('id' in event ? [[event.id, event] as const] : [])))
    },
    lastKnown: () => readLastKnown(database),
    lastDone: () => readLastDone(database),
    instances() {
      const rows = database.query("SELECT DISTINCT instance FROM events WHERE instance LIKE '_%@%'").all()
      return rows.map((row) => (row as { instance: InstanceId }).instance)
    },
    lastOf: (id) => readLastOf(database, id),
    keepFiles(id, digest, contents) {
      database.run(filesTable)
      const put = database.query('INSERT OR REPLACE INTO files (instance, digest, contents) VALUES (?, ?, ?)')
      put.run(id, digest, JSON.stringify([...contents]))
    },
    keptFiles(id, digest) {
      if (!database.query("SELECT 1 FROM sqlite_master WHERE name = 'files'").get()) return undefined
      const find = database.query('SELECT contents FROM files WHERE instance = ? AND digest = ?')
      const row = find.get(id, digest) as { contents: string } | null
      return row ? new Map(JSON.parse(row.contents) as [string, string][]) : undefined
    },
    pastTimes: () => readPastTimes(database),
    close() {
      log?.close()
      database.close()
    },
  }
}

/** Made when there is something to keep: of journals that are there already most will never need it. */
const filesTable =
  'CREATE TABLE IF NOT EXISTS files (instance TEXT PRIMARY KEY, digest TEXT NOT NULL, contents TEXT NOT NULL)'

function openToWrite(path: string): Database {
  const database = new Database(path, { create: true })
  database.run('PRAGMA busy_timeout = 5000')
  // WAL lets `status` and `logs -f` read while a run writes; FULL makes a commit wait for the disk.
  database.run('PRAGMA journal_mode = WAL')
  database.run('PRAGMA synchronous = FULL')
  return database
}

/**
 * The journal's write-ahead log, flushed beside the work instead of by each commit: a run of many short tasks would wait for the disk
 * more than for them. SQLite has flushed the first commit itself, and with it the folder that the log is in; the log then stays the
 * same file for as long as the journal is open, and SQLite still flushes it before it moves anything out of it.
 */
function flushedLog(database: Database, path: string) {
  let descriptor: number | undefined
  const flush = shareFlushes(
    () =>
      new Promise((resolve, reject) => {
        descriptor ??= openSync(`${path}-wal`, 'r')
        fs.fdatasync(descriptor, (error) => (error ? reject(error) : resolve()))
      }),
  )
  let hasBegun = false
  return {
    /** After the first commit. */
    begin() {
      if (hasBegun) return
      hasBegun = true
      database.run('PRAGMA synchronous = NORMAL')
    },
    flush: async () => (hasBegun ? flush() : undefined),
    close() {
      if (descriptor !== undefined) closeSync(descriptor)
      descriptor = undefined
    },
  }
}

/** Aside and renamed: a reader never finds a journal without its tables, also where kedge is killed here. */
function makeJournal(path: string): void {
  const aside = `${path}.new`
  for (const end of ['', '-wal', '-shm']) rmSync(aside + end, { force: true })
  const database = openToWrite(aside)
  createTables(database)
  database.close(true)
  renameSync(aside, path)
  const folder = openSync(dirname(path), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

function createTables(database: Database): void {
  database.run(`CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, run TEXT NOT NULL, at TEXT NOT NULL, type TEXT NOT NULL, instance TEXT, body TEXT NOT NULL)`)
  database.run('CREATE INDEX IF NOT EXISTS events_run ON events (run)')
  database.run('CREATE INDEX IF NOT EXISTS events_instance ON events (instance, type)')
  database.run(`PRAGMA user_version = ${journalVersion}`)
}
