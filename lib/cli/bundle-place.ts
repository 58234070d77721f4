import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { TaskError } from '../event/failure.ts'
import { readPack } from '../pack/read-pack.ts'
import type { FileRange } from '../task/task.ts'
import type { Terminal } from './command.ts'
import type { Lab } from './lab.ts'
import { mustBeTrusted } from './with-pack.ts'

/**
 * The bundle that was named on the command line, also within a pack, or the lab's. Throws a TaskError of kind `bundle`
 * where there is none, and for what `signedBy` has not signed.
 */
export async function bundlePlace(
  terminal: Terminal,
  lab: Lab,
  given: string | undefined,
  signedBy?: string,
): Promise<string | FileRange> {
  const path = given === undefined ? undefined : resolve(terminal.cwd, given)
  const pack = path === undefined ? terminal.pack : existsSync(path) ? readPack(path) : undefined
  if (signedBy !== undefined) await mustBeTrusted(pack, signedBy, terminal)
  const place = path === undefined ? lab.bundle : pack ? pack.bundle : path
  if (place !== undefined) return place
  throw new TaskError({
    kind: 'bundle',
    message: path === undefined ? 'the lab has no bundle' : `the pack ${path} carries no bundle`,
    cure: 'name one in the file: `bundle: ./bundle`',
  })
}

/** What a bundle is called on the terminal. */
export const pathOf = (place: string | FileRange): string => (typeof place === 'string' ? place : place.path)
