import { statSync } from 'node:fs'
import { isAbsolute, join, normalize } from 'node:path'
import { TaskError } from '../event/failure.ts'
import { readSmallFile } from '../host/read-small-file.ts'
import type { Asset } from '../task/task.ts'
import type { Architecture, Role } from '../topology/topology.ts'

/** An opened bundle: what its manifest lists, found by name and architecture. */
export type Bundle = {
  readonly folder: string
  /** The piece of that name for that architecture, or one that fits all; a TaskError of kind `bundle` where there is none. */
  asset(name: string, architecture: Architecture): Asset
  assets(kind: Asset['kind'], architecture: Architecture): readonly Asset[]
}

const kinds = ['vm-image', 'os-packages', 'file', 'image', 'manifest'] as const
const knownRoles: readonly Role[] = ['control-plane', 'worker', 'edge']

const unprintable = /[\p{Cc}\p{Bidi_Control}\p{Cs}\u2028\u2029\ufeff]/u
const pieceName = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/
/** As containerd lists it, with registry and tag or digest. */
const imageName = /^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$/

const longestMessage = 600

/** What a broken manifest holds may be of any length; the message is not. */
const damaged = (message: string) =>
  new TaskError({
    kind: 'bundle',
    message: message.slice(0, longestMessage),
    cure: 'make the bundle again, or point `bundle:` at a whole one',
  })

/**
 * Reads `manifest.json` in a bundle folder. Every piece must exist with the size that the manifest gives; its sha256 is
 * checked where the piece is used, since reading all of it takes minutes. Throws a TaskError of kind `bundle`.
 */
export function openBundle(folder: string): Bundle {
  const file = join(folder, 'manifest.json')
  const read = readSmallFile(file)
  if (!('text' in read)) {
    throw new TaskError({
      kind: 'bundle',
      message: `no bundle at ${folder}: ${file} cannot be read: ${read.why}`,
      cure: 'set `bundle:` in the config to the folder that holds manifest.json',
    })
  }
  const pieces = parseManifest(read.text, file).map((piece) => located(piece, folder))
  const fits = (piece: Piece, architecture: Architecture) =>
    piece.architecture === architecture || piece.architecture === 'all'

  return {
    folder,
    asset(name, architecture) {
      const piece = pieces.find((candidate) => candidate.name === name && fits(candidate, architecture))
      if (piece) return piece
      const other = pieces.find((candidate) => candidate.name === name)
      throw new TaskError({
        kind: 'bundle',
        message: other
          ? `the bundle has ${name} for ${other.architecture} only, and this node is ${architecture}`
          : `the bundle has no ${name}`,
        cure: `add ${name} (${architecture}) to ${file}`,
      })
    },
    assets: (kind, architecture) => pieces.filter((piece) => piece.kind === kind && fits(piece, architecture)),
  }
}

type Piece = Asset & { readonly architecture: Architecture | 'all' }

function parseManifest(text: string, file: string): Piece[] {
  let manifest: unknown
  try {
    manifest = JSON.parse(text)
  } catch (error) {
    throw damaged(`${file} is not JSON: ${(error as Error).message}`)
  }
  const { version, pieces } = (manifest ?? {}) as { version?: unknown; pieces?: unknown }
  if (version !== 1) throw damaged(`${file}: version ${JSON.stringify(version)} is not one that this kedge reads (1)`)
  if (!Array.isArray(pieces)) throw damaged(`${file}: pieces is not a list`)
  return pieces.map((piece, index) => parsePiece(piece, `${file}: pieces[${index}]`))
}

function parsePiece(value: unknown, place: string): Piece {
  const piece = (value ?? {}) as Record<string, unknown>
  const text = (key: string) => {
    const found = piece[key]
    if (typeof found !== 'string' || found === '') throw damaged(`${place}: ${key} is missing`)
    // What stands here goes into commands, configuration files and terminals.
    if (unprintable.test(found)) throw damaged(`${place}: ${key} has a character that cannot be printed`)
    return found
  }
  const kind = kinds.find((known) => known === piece.kind)
  if (!kind) throw damaged(`${place}: kind is ${JSON.stringify(piece.kind)}, not one of ${kinds.join(', ')}`)
  const architecture = (['amd64', 'arm64', 'all'] as const).find((known) => known === piece.architecture)
  if (!architecture) throw damaged(`${place}: architecture is ${JSON.stringify(piece.architecture)}`)
  const path = normalize(text('path'))
  if (isAbsolute(path) || path.startsWith('..')) throw damaged(`${place}: path ${path} leads out of the bundle`)
  if (!/^[0-9a-f]{64}$/.test(text('sha256'))) throw damaged(`${place}: sha256 is not 64 hexadecimal digits`)
  if (!Number.isSafeInteger(piece.sizeBytes)) throw damaged(`${place}: sizeBytes is not a whole number`)
  const roles = piece.roles ?? []
  // A role that no node has would keep an image from every node without a word.
  if (!isListOfRoles(roles)) throw damaged(`${place}: roles is not a list of ${knownRoles.join(', ')}`)
  const name = text('name')
  if (!(kind === 'image' ? imageName : pieceName).test(name))
    throw damaged(`${place}: ${JSON.stringify(name)} cannot name ${kind === 'image' ? 'an image' : 'a piece'}`)
  return {
    name,
    kind,
    version: text('version'),
    architecture,
    path,
    sizeBytes: piece.sizeBytes as number,
    sha256: text('sha256'),
    roles,
  }
}

const isListOfRoles = (value: unknown): value is Role[] =>
  Array.isArray(value) && value.every((role) => knownRoles.includes(role))

function located(piece: Piece, folder: string): Piece {
  const path = join(folder, piece.path)
  const size = sizeOf(path)
  if (size === undefined) throw damaged(`${piece.name}: ${path} is missing`)
  if (size !== piece.sizeBytes)
    throw damaged(`${piece.name}: ${path} has ${size} bytes, the manifest says ${piece.sizeBytes}`)
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
