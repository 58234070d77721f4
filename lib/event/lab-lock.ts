import { Database } from 'bun:sqlite'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** Who holds a lab, as it said of itself. */
export type Holder = { readonly pid: number; readonly host: string; readonly since: string; readonly command: string }

export type LabLock = { readonly ok: true; release(): void } | { readonly ok: false; readonly holder?: Holder }

// A connection that nobody refers to is closed by the garbage collector, and its lock goes with it.
const held = new Set<Database>()

/**
 * Takes the lab for one writer. The lock is SQLite's exclusive file lock, which the kernel drops with the process that
 * holds it: a holder that was killed leaves nothing stale behind, whatever its pid has become since.
 */
export function lockLab(stateFolder: string, command: string): LabLock {
  const holderFile = join(stateFolder, 'holder.json')
  const database = new Database(join(stateFolder, 'lock.sqlite'), { create: true })
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
  held.add(database)
  const holder: Holder = { pid: process.pid, host: hostname(), since: new Date().toISOString(), command }
  writeFileSync(`${holderFile}.new`, JSON.stringify(holder), { mode: 0o600 })
  renameSync(`${holderFile}.new`, holderFile)
  return {
    ok: true,
    release() {
      held.delete(database)
      database.run('ROLLBACK')
      database.close()
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

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder
  } catch {
    // The holder has the lock and has not written its name yet.
    return undefined
  }
}
