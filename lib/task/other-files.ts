import { createHash } from 'node:crypto'
import { linesOf } from '../host/lines-of.ts'
import type { TaskContext } from './task.ts'

/** Files of a node by absolute path, each with the whole text that it is to have. */
export type WantedFiles = Readonly<Record<string, string>>

/** Those of the files, by path, that are not there with exactly that text; all are looked at in one command. */
export async function otherFiles({ $ }: TaskContext, wanted: WantedFiles): Promise<readonly string[]> {
  const paths = Object.keys(wanted)
  const { stdout } = await $`sha256sum ${paths} 2>/dev/null`.nothrow()
  const found = new Set(linesOf({ stdout }))
  return paths.filter((path) => !found.has(`${sha256(wanted[path] as string)}  ${path}`))
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
