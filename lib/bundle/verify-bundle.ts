import type { FileRange } from '../task/task.ts'
import type { Topology } from '../topology/topology.ts'
import { architectureIn, archiveNames } from './architecture-in.ts'
import { type LocatedPiece, piecesAt } from './bundle.ts'
import { damagedPieces, type ReadOptions } from './damaged-pieces.ts'
import { fullName } from './image-reference.ts'
import { lacking } from './lacking.ts'
import { type Piece, storedBytes } from './manifest.ts'
import type { Wanted } from './wanted.ts'

/** What is wrong with a bundle for a lab. */
export type Fault = {
  readonly fault: 'missing' | 'damaged' | 'architecture' | 'version' | 'name'
  readonly name: string
  readonly kind?: Piece['kind']
  readonly architecture?: Piece['architecture']
  /** The nodes that it is missing for. */
  readonly nodes?: readonly string[]
  /** A sentence without its name. */
  readonly message: string
}

export type Verdict = {
  readonly pieces: number
  readonly sizeBytes: number
  /** None: the bundle is complete and undamaged. */
  readonly faults: readonly Fault[]
}

/**
 * Whether a bundle holds all that is wanted, and every piece in it is whole and what its entry says. Throws a TaskError of
 * kind `bundle` where there is no bundle, or its file is cut off.
 */
export async function verifyBundle(
  place: string | FileRange,
  wanted: readonly Wanted[],
  topology: Topology,
  options?: ReadOptions,
): Promise<Verdict> {
  const found = locate(place)
  const { pieces } = found
  const damaged = new Set<LocatedPiece>(await damagedPieces(pieces, options))
  return {
    pieces: pieces.length,
    sizeBytes: storedBytes(pieces),
    faults: [
      ...notThere(wanted, topology, found, damaged),
      ...[...damaged].map((piece) => ({ ...about('damaged', piece), message: damage(piece) })),
      ...pieces.filter((piece) => !damaged.has(piece)).flatMap(mislabelled),
    ],
  }
}

/** The same as far as names and sizes tell, and the pieces that are there: no content is read. Throws as `verifyBundle` does. */
export function surveyBundle(
  place: string | FileRange,
  wanted: readonly Wanted[],
  topology: Topology,
): { readonly pieces: readonly LocatedPiece[]; readonly faults: readonly Fault[] } {
  const found = locate(place)
  return { pieces: found.pieces, faults: notThere(wanted, topology, found) }
}

type Found = { readonly pieces: readonly LocatedPiece[]; readonly absent: readonly Fault[] }

/** What the manifest names: the pieces that are there, and those that are not, or not of their size. */
function locate(place: string | FileRange): Found {
  const absent: Fault[] = []
  const pieces = piecesAt(place, (error, piece) => absent.push({ ...about('damaged', piece), message: error.message }))
  return { pieces, absent }
}

function notThere(
  wanted: readonly Wanted[],
  topology: Topology,
  { pieces, absent }: Found,
  damaged: ReadonlySet<LocatedPiece> = new Set(),
): readonly Fault[] {
  const whole = pieces.filter((piece) => !damaged.has(piece))
  // A piece that is there and damaged is not missing besides.
  const gone = new Set([...absent, ...damaged].map(({ name }) => name))
  return [...lacking(wanted, whole, topology).filter(({ name }) => !gone.has(name)), ...absent]
}

const about = (fault: Fault['fault'], { name, kind, architecture }: Piece) => ({ fault, name, kind, architecture })

const damage = ({ path, offset, sizeBytes, sha256 }: LocatedPiece): string =>
  offset === undefined
    ? `${path} is not what its sha256 says (${sha256})`
    : `the ${sizeBytes} bytes at ${offset} of ${path} are not what its sha256 says (${sha256})`

/** Where the content speaks for itself, and says something else than the manifest. */
function mislabelled(piece: LocatedPiece): readonly Fault[] {
  const { path, kind, name, architecture } = piece
  const within = { offset: piece.offset ?? 0, sizeBytes: piece.sizeBytes }
  const found = architectureIn(path, kind, within)
  if (typeof found === 'object') return [{ ...about('architecture', piece), message: `it is ${found.other}` }]
  if (found !== 'unknown' && found !== architecture)
    return [{ ...about('architecture', piece), message: `it is said to be for ${architecture}, and is for ${found}` }]
  if (kind !== 'image') return []
  const names = archiveNames(path, within)
  if (names.length === 0 || names.some((each) => fullName(each) === fullName(name))) return []
  return [{ ...about('name', piece), message: `the archive holds ${names.join(', ')}, and would be imported as that` }]
}
