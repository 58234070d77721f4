import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Host } from '../host/host.ts'
import { runInTurns } from '../host/turns.ts'
import type { Checksum } from './checksum.ts'
import { piecesBefore } from './find-pieces.ts'
import { writeBundleFolder } from './finish-bundle.ts'
import { type Gathered, type Gathering, gatherPieces, refuseWithoutRoom } from './gather-pieces.ts'
import type { Registries } from './image-reference.ts'
import { manifestText } from './manifest.ts'
import type { Shelf } from './on-disk.ts'
import { type PlannedPiece, planBundle } from './plan-bundle.ts'
import type { Progress } from './progress.ts'
import type { Mirrors } from './sources.ts'
import type { Wanted } from './wanted.ts'
import type { Web } from './web.ts'
import { openWorkFolder } from './work-folder.ts'
import { manifestOfFile, writeBundleFile } from './write-bundle-file.ts'

export type Creation = {
  /** Absolute path of the bundle. */
  readonly output: string
  readonly isFolder: boolean
  readonly wanted: readonly Wanted[]
  readonly shelf: Shelf
  readonly mirrors: Mirrors
  readonly registries: Registries
  readonly web: Web
  readonly jobs: number
  /** This machine. */
  readonly host: Host
  readonly signal: AbortSignal
  readonly progress: Progress
  pins(wanted: Wanted): Checksum | undefined
  say(text: string): void
  onWriting?(writtenBytes: number, totalBytes: number): void
}

/** Where pieces gather until the bundle is whole. */
export const workFolderOf = (output: string): string => `${output}.work`

/** What would become of each piece; fetches none. */
export async function planCreation(creation: Creation): Promise<readonly PlannedPiece[]> {
  const folder = workFolderOf(creation.output)
  const wasThere = existsSync(folder)
  try {
    return await planBundle(creation.wanted, gatheringOf(creation))
  } finally {
    if (!wasThere) rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Makes the bundle, or brings the one that is there to what is wanted. Where a piece cannot be had nothing of the bundle is
 * written, and what was fetched waits beside it for the next attempt. Throws as `gatherPieces` does.
 */
export async function createBundle(creation: Creation): Promise<Gathered> {
  const { output, isFolder, host, signal, onWriting } = creation
  const folder = workFolderOf(output)
  const gathering = gatheringOf(creation)
  const gathered = await gatherPieces(creation.wanted, gathering)
  if (gathered.failures.length > 0) return gathered
  const { pieces } = gathered
  if (isFolder) await writeBundleFolder(pieces, folder, { folder: output, host })
  else if (manifestText(gathering.before.map(named)) !== manifestText(pieces.map(named))) {
    refuseWithoutRoom(
      folder,
      pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    )
    mkdirSync(dirname(output), { recursive: true })
    const options = { signal, ...(onWriting ? { onProgress: onWriting } : {}) }
    await writeBundleFile(pieces, manifestOfFile(pieces), output, options)
  }
  rmSync(folder, { recursive: true, force: true })
  return gathered
}

function gatheringOf(creation: Creation): Gathering {
  const { output, isFolder, host, web, registries, signal } = creation
  const folder = workFolderOf(output)
  const caFolder = web.ca === undefined ? undefined : writeAuthority(folder, web.ca)
  return {
    ...creation,
    $: host.$,
    work: openWorkFolder(folder, isFolder ? output : undefined),
    puller: { $: host.$, web, registries, signal, ...(caFolder ? { caFolder } : {}) },
    before: piecesBefore(output),
    turn: runInTurns(creation.jobs),
  }
}

/** All but where it lies. */
const named = <Piece extends { readonly path: string }>(piece: Piece) => ({ ...piece, path: 'path' })

/** skopeo takes authorities from a folder. */
function writeAuthority(folder: string, ca: string): string {
  const authorities = join(folder, 'authorities')
  mkdirSync(authorities, { recursive: true })
  writeFileSync(join(authorities, 'ca.crt'), ca)
  return authorities
}
