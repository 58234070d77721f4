import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { replaceFile } from '../event/replace-file.ts'
import { readSmallFile } from '../host/read-small-file.ts'

/**
 * Runs a check that reads the file at `path`, unless it has passed for `what` since anything about the file changed. `note`,
 * if there is a folder for it, keeps what the file was like; a check that throws leaves it as it is.
 */
export async function checkOnce(note: string, path: string, what: string, check: () => Promise<void>): Promise<void> {
  const wanted = `${identityOf(path)} ${what}\n`
  const noted = readSmallFile(note)
  if ('text' in noted && noted.text === wanted) return
  await check()
  if (!existsSync(dirname(note))) return
  // As it was before it was read: one that changed meanwhile is read again.
  replaceFile(note, wanted)
}

/** What tells a file apart from what it was; no program can set the last time back. */
function identityOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}
