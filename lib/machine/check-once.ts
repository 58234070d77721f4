import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { damagedInBundle, damagedPieces } from '../bundle/damaged-pieces.ts'
import type { Asset, FileRange, TaskContext } from '../task/task.ts'

const noteName = 'bundle-checked.json'

/**
 * Reads the pieces of a bundle file, unless the lab has done so since anything about the file changed; throws a TaskError of
 * kind `bundle` that names those that are damaged. VMs read the file as it is, and nobody after this looks at it as a whole.
 */
export async function refuseDamagedOnce(
  { say, signal, stateFolder }: TaskContext,
  pieces: readonly Asset[],
  { path, offset }: FileRange,
): Promise<void> {
  const note = join(stateFolder, noteName)
  const wanted = JSON.stringify({
    path,
    offset,
    state: stateOf(path),
    pieces: pieces.map(({ sha256 }) => sha256).sort(),
  })
  if (textOf(note) === wanted) return
  const bytes = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  say(`checking the bundle (${Math.ceil(bytes / 2 ** 20)} MiB), once`)
  const damaged = await damagedPieces(pieces, { signal })
  if (damaged.length > 0) throw damagedInBundle(damaged)
  writeFileSync(`${note}.new`, wanted, { mode: 0o600 })
  renameSync(`${note}.new`, note)
}

/** What tells a file apart from what it was; no program can set the last time back. */
function stateOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
