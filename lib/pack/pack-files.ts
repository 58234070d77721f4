import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { readBytes } from '../bundle/read-image.ts'
import { refused } from '../event/failure.ts'
import type { FileRange } from '../task/task.ts'

/** A small file that a pack carries, with its path from the lab file's folder. */
export type PackedFile = { readonly path: string; readonly mode: number; readonly content: Buffer }

/** What the lab file is called in a pack, whatever it was called before. */
export const labFileName = 'kedge.config.yaml'

const mostBytes = 64 * 1024 * 1024

/**
 * The files that go along with a lab file: everything in `tasks/` beside it, and what `more` names, files or folders under
 * the same folder. Left out are `node_modules` and names that begin with a dot. Throws a TaskError that names what cannot.
 */
export function collectFiles(labFile: string, text: string, more: readonly string[]): readonly PackedFile[] {
  const folder = dirname(labFile)
  const paths = new Set<string>()
  const take = (path: string) => {
    const inside = relative(folder, path)
    if (inside.startsWith('..') || inside === '')
      throw refused(`${path} is not in ${folder}`, 'a pack carries what lies there: move it, or leave it out')
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isFile()) return void paths.add(path)
    if (!found?.isDirectory()) throw refused(`there is no file ${path}`)
    for (const name of readdirSync(path)) if (!name.startsWith('.') && name !== 'node_modules') take(join(path, name))
  }
  const tasks = join(folder, 'tasks')
  if (existsSync(tasks)) take(tasks)
  for (const path of more) take(resolve(folder, path))
  paths.delete(labFile)
  const files = [
    { path: labFileName, mode: 0o644, content: Buffer.from(text) },
    ...[...paths].sort().map((path) => ({
      path: relative(folder, path),
      mode: statSync(path).mode & 0o777,
      content: readFileSync(path),
    })),
  ]
  const bytes = files.reduce((sum, { content }) => sum + content.length, 0)
  if (bytes > mostBytes)
    throw refused(
      `the files beside the lab file have ${Math.ceil(bytes / 2 ** 20)} MiB, and a pack takes ${mostBytes / 2 ** 20} MiB`,
      'what is large belongs into the bundle',
    )
  return files
}

export const filesText = (files: readonly PackedFile[]): string =>
  JSON.stringify(files.map(({ path, mode, content }) => ({ path, mode, content: content.toString('base64') })))

export function readFiles({ path, offset, sizeBytes }: FileRange): readonly PackedFile[] {
  const descriptor = openSync(path, 'r')
  try {
    const listed = JSON.parse(new TextDecoder().decode(readBytes(descriptor, offset, sizeBytes))) as {
      path: string
      mode: number
      content: string
    }[]
    return listed.map((file) => ({ ...file, content: Buffer.from(file.content, 'base64') }))
  } finally {
    closeSync(descriptor)
  }
}

/** Lays the files out in a folder of their own; one that is there as it should be is not touched. */
export function layOut(files: readonly PackedFile[], folder: string): void {
  for (const { path, mode, content } of files) {
    const target = join(folder, path)
    if (existsSync(target) && readFileSync(target).equals(content)) continue
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
    const aside = `${target}.new`
    writeFileSync(aside, content)
    chmodSync(aside, mode)
    renameSync(aside, target)
  }
}
