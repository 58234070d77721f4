import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { TaskError } from '../event/failure.ts'
import { isSystemError } from '../host/system-error.ts'

/**
 * Writes a file aside as `<path>.part`, flushes and then renames it, so that what is cut short has no name that passes for
 * whole. `fill` may read what it has written; what it returns is returned.
 */
export async function writeWhole<T>(path: string, mode: number, fill: (file: FileHandle) => Promise<T>): Promise<T> {
  const aside = `${path}.part`
  try {
    const file = await open(aside, 'w+', mode)
    let filled: T
    try {
      filled = await fill(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(aside, path)
    const folder = await open(dirname(path))
    await folder.sync().finally(() => folder.close())
    return filled
  } catch (error) {
    await rm(aside, { force: true })
    if (!isSystemError(error)) throw error
    throw new TaskError({ kind: 'command', message: `${path} cannot be written: ${error.message}` }, { cause: error })
  }
}
