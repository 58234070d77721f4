import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { TaskError } from '../event/failure.ts'
import type { LocatedPiece } from './bundle.ts'
import { bundleLabel } from './bundle-file.ts'
import { chunksOf } from './chunks-of.ts'
import { layoutImage } from './iso9660.ts'
import { manifestName, manifestText, type Piece } from './manifest.ts'
import { writeWhole } from './write-whole.ts'

/** What goes into a bundle that is one file: where each piece lies now. */
export type PieceSource = Pick<LocatedPiece, 'name' | 'path' | 'offset' | 'sizeBytes' | 'sha256'>

export type WriteOptions = {
  readonly signal?: AbortSignal
  /** Called with bytes written so far and in all. */
  readonly onProgress?: (writtenBytes: number, totalBytes: number) => void
}

/** The manifest of a bundle that is one file: each piece lies under its sha256. */
export const manifestOfFile = (pieces: readonly Piece[]): string =>
  manifestText(pieces.map((piece) => ({ ...piece, path: piece.sha256 })))

/**
 * Writes a bundle as one file that has its name only once it is whole. Every piece is read once, and a TaskError of kind
 * `bundle` names one that is not what its sha256 says. `manifest` is `manifestOfFile`'s.
 */
export async function writeBundleFile(
  pieces: readonly PieceSource[],
  manifest: string,
  outPath: string,
  options: WriteOptions = {},
): Promise<void> {
  await writeWhole(outPath, 0o666, (file) => writeBundle(pieces, manifest, file, 0, options))
}

/** Where everything lies in a bundle that is one file. */
export type BundleLayout<P extends PieceSource> = {
  readonly head: Uint8Array
  /** The manifest; it comes right behind the head. */
  readonly text: Uint8Array
  /** Each content once. */
  readonly placed: readonly { readonly piece: P; readonly offsetBytes: number }[]
  readonly sizeBytes: number
}

export function layoutBundle<P extends PieceSource>(pieces: readonly P[], manifest: string): BundleLayout<P> {
  const text = new TextEncoder().encode(manifest)
  const once = [...new Map(pieces.map((piece) => [piece.sha256, piece])).values()]
  const first = { name: manifestName, sizeBytes: text.length }
  const { head, files, sizeBytes } = layoutImage(bundleLabel, [
    first,
    ...once.map(({ sha256, sizeBytes }) => ({ name: sha256, sizeBytes })),
  ])
  const placed = once.map((piece, index) => ({ piece, offsetBytes: files[index + 1]?.offsetBytes as number }))
  return { head, text, placed, sizeBytes }
}

/** Writes the same into an open file from `position` on, and returns how many bytes it takes. */
export async function writeBundle(
  pieces: readonly PieceSource[],
  manifest: string,
  file: FileHandle,
  position: number,
  { signal, onProgress }: WriteOptions = {},
): Promise<number> {
  const { head, text, placed, sizeBytes } = layoutBundle(pieces, manifest)
  // What is not written below reads as zeros, and takes no room on most file systems.
  await file.truncate(position + sizeBytes)
  let written = 0
  const report = (bytes: number) => {
    written += bytes
    onProgress?.(written, totalBytes)
  }
  const totalBytes = placed.reduce((sum, { piece }) => sum + piece.sizeBytes, 0)
  await writeAll(file, text, position + head.length)
  for (const { piece, offsetBytes } of placed) await copyPiece(piece, file, position + offsetBytes, report, signal)
  // By its head a bundle is known: until all the rest is on disk there is none.
  await file.sync()
  await writeAll(file, head, position)
  return sizeBytes
}

async function copyPiece(
  piece: PieceSource,
  to: FileHandle,
  position: number,
  report: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const from = await open(piece.path)
  try {
    const hash = createHash('sha256')
    let done = 0
    for await (const chunk of chunksOf(from, piece.offset ?? 0, piece.sizeBytes, signal)) {
      hash.update(chunk)
      await writeAll(to, chunk, position + done)
      done += chunk.length
      report(chunk.length)
    }
    refuseDamaged(piece, hash)
  } finally {
    await from.close()
  }
}

function refuseDamaged(piece: PieceSource, hash: Hash): void {
  const found = hash.digest('hex')
  if (found === piece.sha256) return
  throw new TaskError({
    kind: 'bundle',
    message: `damaged: ${piece.name} (${piece.path}) has sha256 ${found}, not ${piece.sha256}`,
    cure: 'make that piece again, or copy it to the bundle again',
  })
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}
