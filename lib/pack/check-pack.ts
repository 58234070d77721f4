import { join } from 'node:path'
import { checkOnce } from '../bundle/check-once.ts'
import { damagedPieces, type ReadOptions } from '../bundle/damaged-pieces.ts'
import { contentBytes, damagedPack, type Pack } from './read-pack.ts'

/** Reads the whole pack. Throws a TaskError of kind `bundle` where it is not, byte for byte, what it was made as. */
export async function checkPack(pack: Pack, options: ReadOptions = {}): Promise<void> {
  const { path, claims } = pack
  const whole = { path, sizeBytes: contentBytes(pack), sha256: claims.sha256 }
  if ((await damagedPieces([whole], options)).length > 0) throw damagedPack(path, 'was altered')
}

/**
 * The same, but a file that was found whole is not read again while it is the same file, unchanged since: `noteFolder`, if
 * there is such a folder, keeps what was found.
 */
export const checkPackOnce = (pack: Pack, noteFolder: string, options: ReadOptions = {}): Promise<void> =>
  checkOnce(join(noteFolder, 'pack-checked'), pack.path, pack.claims.sha256, () => checkPack(pack, options))
