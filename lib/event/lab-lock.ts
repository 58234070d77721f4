import { Database } from 'bun:sqlite'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { replaceFile } from './replace-file.ts'

/** Who holds a lab, as it said of itself. */
export type Holder = {
  readonly pid: number
  readonly host: string
  readonly since: string
  readonly command: string
  /** What its commands can be known by, here and on nodes; those of killed holders before it as well. */
  readonly marks?: readonly string[]
}

/**
 * `marksOfKilled`: what commands of holders that ended without a release can be known by. They are kept for the next holder,
 * unless nothing of them runs on any machine any more.
 */
export type LabLock =
  | {
      readonly ok: true
      readonly marksOfKilled: readonly string[]
      release(isSwept?: boolean): void
      /** Removes the state folder with all that is in it, and lets go. There is nothing to release after it. */
      purge(): void
    }
  | { readonly ok: false; readonly holder?: Holder }

/** Kedges that were killed one after the other; more than these have long been swept up. */
const keptMarks = 20

// A connection that nobody refers to is closed by the garbage collector, and its lock goes with it.
const held = new Set<Database>()

/**
 * Takes the lab for one writer. The lock is SQLite's exclusive file lock, which the kernel drops with the process that
 * holds it: a holder that was killed leaves nothing stale behind, whatever its pid has become since.
 */
export function lockLab(stateFolder: string, command: string, mark?: string): LabLock {
  const holderFile = join(stateFolder, 'holder.json')
  const lockFile = join(stateFolder, 'lock.sqlite')
  const database = new Database(lockFile, { create: true })
  try {
    // Long enough for a reader that asks whether the lab is held, and short for a person who is told by whom.
    database.run('PRAGMA busy_timeout = 250')
    database.run('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (!/locked|busy/i.test(String(error))) throw error
    const holder = readHolder(holderFile)
    return { ok: false, ...(holder ? { holder } : {}) }
  }
  // Whoever held it before has removed the folder: this lock is on a file that nobody else will ever find.
  if (!existsSync(lockFile)) {
    database.close()
    return { ok: false }
  }
  held.add(database)
  const letGo = () => {
    held.delete(database)
    database.run('ROLLBACK')
    database.close()
  }
  const marksOfKilled = readHolder(holderFile)?.marks?.slice(-keptMarks) ?? []
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    command,
    marks: [...marksOfKilled, ...(mark === undefined ? [] : [mark])],
  }
  // At no moment without its marks: this kedge may be killed as well.
  writeHolder(holderFile, holder)
  return {
    ok: true,
    marksOfKilled,
    release(isSwept = false) {
      if (!held.has(database)) return
      if (isSwept || marksOfKilled.length === 0) rmSync(holderFile, { force: true })
      else writeHolder(holderFile, { ...holder, marks: marksOfKilled })
      letGo()
    },
    purge() {
      // While the lock is held, so that nobody begins in a folder that is about to go.
      rmSync(stateFolder, { recursive: true, force: true })
      letGo()
    },
  }
}

/** Whether somebody works on the lab now. Holds nobody up. */
export function isLabHeld(stateFolder: string): boolean {
  const path = join(stateFolder, 'lock.sqlite')
  if (!existsSync(path)) return false
  const database = new Database(path, { readonly: true })
  try {
    database.query('SELECT count(*) FROM sqlite_master').get()
    return false
  } catch (error) {
    if (/locked|busy/i.test(String(error))) return true
    throw error
  } finally {
    database.close()
  }
}

/** Who works on the lab now, as far as it has said so yet; undefined where nobody does. Holds nobody up. */
export const holderNow = (stateFolder: string): Partial<Holder> | undefined =>
  isLabHeld(stateFolder) ? (readHolder(join(stateFolder, 'holder.json')) ?? {}) : undefined

const writeHolder = (file: string, holder: Holder): void => replaceFile(file, JSON.stringify(holder))

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder
  } catch {
    // The holder has the lock and has not written its name yet.
    return undefined
  }
}
