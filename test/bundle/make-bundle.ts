import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

const folders: string[] = []
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** An empty folder that is gone after the tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-steps-'))
  folders.push(folder)
  return folder
}

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
