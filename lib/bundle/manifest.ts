import { isAbsolute, normalize } from 'node:path'
import { TaskError } from '../event/failure.ts'
import type { Asset } from '../task/task.ts'
import type { Architecture, Role } from '../topology/topology.ts'

/** One entry of `manifest.json`. */
export type Piece = {
  readonly name: string
  readonly kind: Asset['kind']
  readonly version: string
  readonly architecture: Architecture | 'all'
  /** Relative to the bundle's root; in a bundle that is one file, the sha256. */
  readonly path: string
  readonly sizeBytes: number
  /** Lower-case hex. */
  readonly sha256: string
  /** Where it came from. kedge always writes it; bundles made by hand may lack it. */
  readonly source?: string
  /** For an image: the roles whose nodes import it; empty means every node. */
  readonly roles: readonly Role[]
  /** For an image: `sha256:…` of its manifest in the registry. */
  readonly digest?: string
}

export const manifestName = 'manifest.json'

export const kinds = ['vm-image', 'os-packages', 'file', 'image', 'manifest'] as const
export const architectures = ['amd64', 'arm64', 'all'] as const
export const pieceRoles = ['control-plane', 'worker', 'edge'] as const satisfies readonly Role[]

/** What cannot be printed, or changes how the rest is: for a RegExp with the flag `u`. */
export const unprintable = '[\\p{Cc}\\p{Bidi_Control}\\p{Cs}\\u2028\\u2029\\ufeff]'
export const namePattern = '^[A-Za-z0-9][A-Za-z0-9._+-]*$'
/** As containerd lists it, with registry and tag or digest. */
export const imagePattern = '^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$'

const longestMessage = 600

/** What a broken manifest holds may be of any length, and nothing that can be shown; the message is neither. */
export const damagedBundle = (message: string) =>
  new TaskError({
    kind: 'bundle',
    message: message.slice(0, longestMessage).replace(new RegExp(unprintable, 'gu'), '\ufffd'),
    cure: 'make the bundle again, or point `bundle:` at a whole one',
  })

/** What pieces take in a bundle, where content that several share lies once. */
export const storedBytes = (pieces: readonly Pick<Piece, 'sha256' | 'sizeBytes'>[]): number =>
  new Map(pieces.map(({ sha256, sizeBytes }) => [sha256, sizeBytes])).values().reduce((sum, size) => sum + size, 0)

/** The text of a manifest of these pieces, in the order given; the same pieces give the same text. */
export function manifestText(pieces: readonly Piece[]): string {
  const entries = pieces.map(
    ({ name, kind, version, architecture, path, sizeBytes, sha256, source, roles, digest }) => ({
      name,
      kind,
      version,
      architecture,
      path,
      sizeBytes,
      sha256,
      ...(source === undefined ? {} : { source }),
      ...(roles.length > 0 ? { roles } : {}),
      ...(digest === undefined ? {} : { digest }),
    }),
  )
  return `${JSON.stringify({ version: 1, pieces: entries }, null, 2)}\n`
}

/** Throws a TaskError of kind `bundle` that names the place; `file` is what the manifest is called in it. */
export function parseManifest(text: string, file: string): readonly Piece[] {
  let manifest: unknown
  try {
    manifest = JSON.parse(text)
  } catch (error) {
    throw damagedBundle(`${file} is not JSON: ${(error as Error).message}`)
  }
  const { version, pieces } = (manifest ?? {}) as { version?: unknown; pieces?: unknown }
  if (version !== 1)
    throw damagedBundle(`${file}: version ${JSON.stringify(version)} is not one that this kedge reads (1)`)
  if (!Array.isArray(pieces)) throw damagedBundle(`${file}: pieces is not a list`)
  return pieces.map((piece, index) => parsePiece(piece, `${file}: pieces[${index}]`))
}

function parsePiece(value: unknown, place: string): Piece {
  const piece = (value ?? {}) as Record<string, unknown>
  const kind = kinds.find((known) => known === piece.kind)
  if (!kind) throw damagedBundle(`${place}: kind is ${JSON.stringify(piece.kind)}, not one of ${kinds.join(', ')}`)
  const architecture = architectures.find((known) => known === piece.architecture)
  if (!architecture) throw damagedBundle(`${place}: architecture is ${JSON.stringify(piece.architecture)}`)
  const path = normalize(textOf(piece, 'path', place))
  if (isAbsolute(path) || path.startsWith('..')) throw damagedBundle(`${place}: path ${path} leads out of the bundle`)
  const sha256 = textOf(piece, 'sha256', place)
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw damagedBundle(`${place}: sha256 is not 64 hexadecimal digits`)
  const { sizeBytes } = piece
  if (!Number.isSafeInteger(sizeBytes) || (sizeBytes as number) < 0)
    throw damagedBundle(`${place}: sizeBytes is not a whole number`)
  const roles = piece.roles === undefined ? [] : piece.roles
  // A role that no node has would keep an image from every node without a word.
  if (!isListOfRoles(roles)) throw damagedBundle(`${place}: roles is not a list of ${pieceRoles.join(', ')}`)
  const name = textOf(piece, 'name', place)
  if (!new RegExp(kind === 'image' ? imagePattern : namePattern).test(name))
    throw damagedBundle(`${place}: ${JSON.stringify(name)} cannot name ${kind === 'image' ? 'an image' : 'a piece'}`)
  return {
    name,
    kind,
    version: textOf(piece, 'version', place),
    architecture,
    path,
    sizeBytes: sizeBytes as number,
    sha256,
    ...(piece.source === undefined ? {} : { source: textOf(piece, 'source', place) }),
    roles,
    ...(piece.digest === undefined ? {} : { digest: digestOf(piece, place) }),
  }
}

function textOf(piece: Readonly<Record<string, unknown>>, key: string, place: string): string {
  const found = piece[key]
  if (typeof found !== 'string' || found === '') throw damagedBundle(`${place}: ${key} is missing`)
  // What stands here goes into commands, configuration files and terminals.
  if (new RegExp(unprintable, 'u').test(found))
    throw damagedBundle(`${place}: ${key} has a character that cannot be printed`)
  return found
}

function digestOf(piece: Readonly<Record<string, unknown>>, place: string): string {
  const digest = textOf(piece, 'digest', place)
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw damagedBundle(`${place}: digest is not sha256:… of 64 digits`)
  return digest
}

const isListOfRoles = (value: unknown): value is Role[] =>
  Array.isArray(value) && value.every((role) => (pieceRoles as readonly Role[]).includes(role))
