import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { readPart } from '../host/local-files.ts'
import { readSmallFile } from '../host/read-small-file.ts'
import type { LocatedPiece } from './bundle.ts'
import type { Piece } from './manifest.ts'
import type { Wanted } from './wanted.ts'

/** Where a bundle's pieces gather until it is whole. It outlives the process: what is whole in it is not fetched again. */
export type WorkFolder = {
  readonly folder: string
  /** Where something of this piece may be written that is not whole yet. */
  aside(wanted: Wanted, ending?: string): string
  /** Takes in a whole file from `aside`, under the piece's name; the others are further names of the same. */
  keep(wanted: Wanted, aside: string, known: Origin, others?: readonly Wanted[]): Promise<LocatedPiece>
  /** The piece, where it is here and its bytes are what they were. */
  have(wanted: Wanted): Promise<LocatedPiece | undefined>
}

export type Origin = { readonly source: string; readonly digest?: string; readonly version?: string }

const endings = { 'vm-image': '.qcow2', 'os-packages': '.tar', file: '', image: '.tar', manifest: '.yaml' } as const

/** Where a piece lies in a bundle that is a folder: for people, and another one for each version. */
export const pathInFolder = ({ name, kind, version, architecture }: Omit<Wanted, 'task' | 'nodes' | 'roles'>): string =>
  [
    { 'vm-image': 'images', 'os-packages': 'packages', file: 'programs', image: 'containers', manifest: 'manifests' }[
      kind
    ],
    architecture,
    `${(kind === 'image' ? name : `${name}-${version}`).replaceAll(/[^A-Za-z0-9.+-]/g, '_')}${endings[kind]}`,
  ].join('/')

/** `moveTo` is the folder that becomes the bundle, for when the process ended while pieces were moved there. */
export function openWorkFolder(folder: string, moveTo?: string): WorkFolder {
  const key = ({ kind, architecture, name, version }: Wanted) =>
    createHash('sha256').update([kind, architecture, name, version].join('\0')).digest('hex').slice(0, 32)
  const noteOf = (wanted: Wanted) => join(folder, 'notes', `${key(wanted)}.json`)
  return {
    folder,
    aside(wanted, ending = '.part') {
      mkdirSync(join(folder, 'parts'), { recursive: true })
      return join(folder, 'parts', `${key(wanted)}${ending}`)
    },
    async keep(wanted, aside, origin, others = []) {
      const path = join(folder, 'pieces', pathInFolder(wanted))
      const { sizeBytes, sha256 } = await sumOf(aside)
      const pieces = [wanted, ...others].map((each) => pieceOf(each, { ...origin, path, sizeBytes, sha256 }))
      mkdirSync(dirname(path), { recursive: true })
      flush(aside)
      for (const [index, each] of [wanted, ...others].entries()) writeNote(noteOf(each), pieces[index] as Piece)
      renameSync(aside, path)
      flush(dirname(path))
      return pieces[0] as LocatedPiece
    },
    async have(wanted) {
      const read = readSmallFile(noteOf(wanted))
      const piece = 'text' in read ? parsed(read.text) : undefined
      if (!piece) return undefined
      const moved = moveTo ? [join(moveTo, relative(join(folder, 'pieces'), piece.path))] : []
      for (const path of [piece.path, ...moved]) {
        if (statSync(path, { throwIfNoEntry: false })?.size !== piece.sizeBytes) continue
        if ((await sumOf(path)).sha256 === piece.sha256) return pieceOf(wanted, { ...piece, path })
      }
      return undefined
    },
  }
}

type Facts = Pick<Piece, 'path' | 'sizeBytes' | 'sha256'> & {
  readonly source?: string | undefined
  readonly digest?: string | undefined
  readonly version?: string | undefined
}

/** What is wanted, with what is known of the file that it became. */
export const pieceOf = (wanted: Wanted, { path, sizeBytes, sha256, source, digest, version }: Facts): LocatedPiece => ({
  name: wanted.name,
  kind: wanted.kind,
  version: version ?? wanted.version,
  architecture: wanted.architecture,
  path,
  sizeBytes,
  sha256,
  ...(source === undefined ? {} : { source }),
  roles: wanted.roles,
  ...(digest === undefined ? {} : { digest }),
})

/** A note that was cut off is none. */
function parsed(text: string): Piece | undefined {
  try {
    return JSON.parse(text) as Piece
  } catch {
    return undefined
  }
}

function writeNote(path: string, piece: Piece): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, JSON.stringify(piece))
  flush(`${path}.new`)
  renameSync(`${path}.new`, path)
}

/** To the disk, before a name says that it is whole. */
function flush(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Of a file, or of the part of it that is a piece. */
export async function sumOf(
  path: string,
  part?: { readonly offset: number; readonly sizeBytes: number },
): Promise<{ readonly sizeBytes: number; readonly sha256: string }> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of readPart(path, part, 1024 * 1024)) {
    hash.update(chunk)
    sizeBytes += chunk.length
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}
