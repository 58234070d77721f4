import { rmSync } from 'node:fs'
import { type LocatedPiece, piecesAt } from './bundle.ts'
import { extractMember } from './fetch-from-web.ts'
import type { Means } from './fetchers.ts'
import type { OnDisk, Shelf } from './on-disk.ts'
import type { Wanted } from './wanted.ts'
import { pieceOf, sumOf } from './work-folder.ts'

type Places = Pick<Means, '$' | 'work'> & {
  readonly shelf: Shelf
  /** Pieces of the bundle that is to be made anew. */
  readonly before: readonly LocatedPiece[]
}

/** Looks for a piece that need not be fetched: on the user's disk, from an earlier attempt, or in the bundle as it is now. */
export async function findPiece(wanted: Wanted, places: Places): Promise<LocatedPiece | undefined> {
  const onDisk = places.shelf(wanted)
  if (onDisk) return await taken(wanted, onDisk, places)
  return (await places.work.have(wanted)) ?? (await unchanged(wanted, places.before))
}

/** Read where it lies; only what is in an archive is unpacked first. */
async function taken(wanted: Wanted, found: OnDisk, places: Places): Promise<LocatedPiece> {
  const { path, offset, member, sizeBytes, digest, source = path } = found
  if (member) {
    const unpacked = await extractMember(wanted, path, member, places)
    try {
      return await places.work.keep(wanted, unpacked, { source })
    } finally {
      rmSync(unpacked, { force: true })
    }
  }
  const { sha256 } = await sumOf(path, { offset: offset ?? 0, sizeBytes })
  const piece = pieceOf(wanted, { path, sizeBytes, sha256, source, digest })
  return offset === undefined ? piece : { ...piece, offset }
}

async function unchanged(wanted: Wanted, before: readonly LocatedPiece[]): Promise<LocatedPiece | undefined> {
  const found = before.find(
    ({ kind, name, version, architecture }) =>
      kind === wanted.kind &&
      name === wanted.name &&
      version === wanted.version &&
      architecture === wanted.architecture,
  )
  if (!found) return undefined
  const { path, offset, sizeBytes, sha256 } = found
  const isRight = (await sumOf(path, { offset: offset ?? 0, sizeBytes })).sha256 === sha256
  return isRight ? { ...found, roles: wanted.roles } : undefined
}

/** What the bundle holds that is there; nothing where there is none, or none that can be read. */
export function piecesBefore(path: string): readonly LocatedPiece[] {
  try {
    return piecesAt(path, () => {})
  } catch {
    return []
  }
}
