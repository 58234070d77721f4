import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export type PieceToMake = {
  readonly name: string
  readonly kind?: 'vm-image' | 'os-packages' | 'file' | 'image' | 'manifest'
  readonly architecture?: 'amd64' | 'arm64' | 'all'
  readonly content?: string
  readonly roles?: readonly string[]
}

export const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex')

// Bun calls nobody at the end of a test run, so each run takes away what those before it have left.
const prefix = 'kedge-steps-'
for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(prefix))) {
  if (!existsSync(`/proc/${name.slice(prefix.length)}`)) rmSync(join(tmpdir(), name), { recursive: true, force: true })
}
const root = join(tmpdir(), `${prefix}${process.pid}`)
mkdirSync(root, { recursive: true })

/** An empty folder. */
export const temporaryFolder = (): string => mkdtempSync(join(root, '/'))

/** The manifest's entry for a piece, as `makeBundle` writes it. */
export function entryOf({ name, kind = 'file', architecture = 'amd64', content = name, roles }: PieceToMake) {
  return {
    name,
    kind,
    version: '1.0',
    architecture,
    path: `${kind}/${architecture}-${name.replaceAll(/\W/g, '_')}`,
    sizeBytes: Buffer.byteLength(content),
    sha256: sha256(content),
    ...(roles ? { roles } : {}),
  }
}

/** A whole bundle on disk with pieces of a few bytes; returns its folder. */
export function makeBundle(pieces: readonly PieceToMake[]): string {
  const folder = temporaryFolder()
  for (const piece of pieces) {
    const path = join(folder, entryOf(piece).path)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, piece.content ?? piece.name)
  }
  writeManifest(folder, { version: 1, pieces: pieces.map(entryOf) })
  return folder
}

export const writeManifest = (folder: string, manifest: unknown): void =>
  writeFileSync(join(folder, 'manifest.json'), typeof manifest === 'string' ? manifest : JSON.stringify(manifest))
