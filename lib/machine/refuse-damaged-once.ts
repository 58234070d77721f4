import { join } from 'node:path'
import { checkOnce } from '../bundle/check-once.ts'
import { damagedInBundle, damagedPieces } from '../bundle/damaged-pieces.ts'
import type { Asset, FileRange, TaskContext } from '../task/task.ts'

/**
 * Reads the pieces of a bundle file, unless the lab has done so since anything about the file changed; throws a TaskError of
 * kind `bundle` that names those that are damaged. VMs read the file as it is, and nobody after this looks at it as a whole.
 */
export async function refuseDamagedOnce(
  { say, signal, stateFolder }: TaskContext,
  pieces: readonly Asset[],
  { path, offset }: FileRange,
): Promise<void> {
  const what = JSON.stringify({ path, offset, pieces: pieces.map(({ sha256 }) => sha256).sort() })
  await checkOnce(join(stateFolder, 'bundle-checked'), path, what, async () => {
    const bytes = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    say(`checking the bundle (${Math.ceil(bytes / 2 ** 20)} MiB), once`)
    const damaged = await damagedPieces(pieces, { signal })
    if (damaged.length > 0) throw damagedInBundle(damaged)
  })
}
