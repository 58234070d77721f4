import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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
 * there is such a folder, keeps what `stat` said of it. The time of a file's last change no program can set back.
 */
export async function checkPackOnce(pack: Pack, noteFolder: string, options: ReadOptions = {}): Promise<void> {
  const note = join(noteFolder, 'pack-checked')
  const identity = identityOf(pack)
  if (existsSync(note) && readFileSync(note, 'utf8') === identity) return
  await checkPack(pack, options)
  // Only what it was before it was read has been read.
  if (existsSync(noteFolder) && identityOf(pack) === identity) writeFileSync(note, identity, { mode: 0o600 })
}

function identityOf({ path, claims }: Pack): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  return `${[dev, ino, size, mtimeNs, ctimeNs, claims.sha256].join(' ')}\n`
}
