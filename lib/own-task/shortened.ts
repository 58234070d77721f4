import { relative } from 'node:path'

/** A path as the user would type it, where it is below the folder that this process is in. */
export function shortened(file: string): string {
  const path = relative('.', file)
  return path.startsWith('..') ? file : path
}
