import { statSync } from 'node:fs'
import { join } from 'node:path'
import { TaskError } from '../event/failure.ts'
import { readSmallFile } from '../host/read-small-file.ts'
import type { Asset, FileRange } from '../task/task.ts'
import type { Architecture } from '../topology/topology.ts'
import { openBundleFile } from './bundle-file.ts'
import { damagedBundle, manifestName, type Piece, parseManifest } from './manifest.ts'

/** A piece and where it lies: `path` is absolute, the piece begins at `offset` when the bundle is one file. */
export type LocatedPiece = Piece & Pick<Asset, 'offset' | 'bundleFile'>

/** An opened bundle: what its manifest lists, found by name and architecture. */
export type Bundle = {
  /** The folder or the file. */
  readonly path: string
  /** In the order of the manifest, for all architectures. */
  readonly pieces: readonly LocatedPiece[]
  /** The piece of that name for that architecture, or one that fits all; a TaskError of kind `bundle` where there is none. */
  asset(name: string, architecture: Architecture): Asset
  assets(kind: Asset['kind'], architecture: Architecture): readonly Asset[]
}

/**
 * A bundle's folder, its single file, or the part of a file that is one. Every piece must be there with the size that the
 * manifest gives; its sha256 is checked where the piece is used, since reading all of it takes minutes. Throws a TaskError
 * of kind `bundle`.
 */
export function openBundle(place: string | FileRange): Bundle {
  const path = typeof place === 'string' ? place : place.path
  const pieces = piecesAt(place)
  return {
    path,
    pieces,
    asset(name, architecture) {
      const piece = pieces.find((candidate) => candidate.name === name && fits(candidate, architecture))
      if (piece) return piece
      const other = pieces.find((candidate) => candidate.name === name)
      throw new TaskError({
        kind: 'bundle',
        message: other
          ? `the bundle has ${name} for ${other.architecture} only, and this node is ${architecture}`
          : `the bundle has no ${name}`,
        cure: `kedge bundle verify names all that ${path} lacks`,
      })
    },
    assets: (kind, architecture) => pieces.filter((piece) => piece.kind === kind && fits(piece, architecture)),
  }
}

export const fits = (piece: Pick<Piece, 'architecture'>, architecture: Piece['architecture']): boolean =>
  piece.architecture === architecture || piece.architecture === 'all'

/** As `openBundle` does; a piece of a folder that is missing or cut short goes to `onFault` instead, where there is one. */
export function piecesAt(
  place: string | FileRange,
  onFault?: (fault: TaskError, piece: Piece) => void,
): readonly LocatedPiece[] {
  if (typeof place !== 'string') return openBundleFile(place.path, place.offset, place.sizeBytes)
  const manifest = join(place, manifestName)
  if (sizeOf(place) !== undefined) return openBundleFile(place)
  const read = readSmallFile(manifest)
  if (!('text' in read)) {
    throw new TaskError({
      kind: 'bundle',
      message: `no bundle at ${place}: ${manifest} cannot be read: ${read.why}`,
      cure: 'set `bundle:` in the config to a bundle file, or to the folder that holds manifest.json',
    })
  }
  return parseManifest(read.text, manifest).flatMap((piece) => {
    try {
      return [located(piece, place)]
    } catch (error) {
      if (!onFault || !(error instanceof TaskError)) throw error
      onFault(error, piece)
      return []
    }
  })
}

function located(piece: Piece, folder: string): LocatedPiece {
  const path = join(folder, piece.path)
  const size = sizeOf(path)
  if (size === undefined) throw damagedBundle(`${piece.name}: ${path} is missing`)
  if (size !== piece.sizeBytes)
    throw damagedBundle(`${piece.name}: ${path} has ${size} bytes, the manifest says ${piece.sizeBytes}`)
  return { ...piece, path }
}

/** In bytes; undefined for what is no file, and for a path that no file can have. */
function sizeOf(path: string): number | undefined {
  try {
    const found = statSync(path)
    return found.isFile() ? found.size : undefined
  } catch {
    return undefined
  }
}
