import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { TaskError } from '../event/failure.ts'
import { isSystemError } from '../host/system-error.ts'
import type { Asset } from '../task/task.ts'
import { chunksOf } from './chunks-of.ts'

export type ReadOptions = {
  readonly signal?: AbortSignal
  /** Called with bytes read so far and in all. */
  readonly onProgress?: (readBytes: number, totalBytes: number) => void
}

/** Bytes of a file, and what they should add up to. */
export type Content = Pick<Asset, 'path' | 'offset' | 'sizeBytes' | 'sha256'>

/** Reads several at once: a disk that has to seek, or is far away, answers the better for it. */
const atOnce = 4

/** Those of the pieces whose content is not what their sha256 says; what several of them share is read once. */
export async function damagedPieces<P extends Content>(
  pieces: readonly P[],
  { signal, onProgress }: ReadOptions = {},
): Promise<readonly P[]> {
  const placeOf = ({ path, offset = 0, sizeBytes, sha256 }: Content) => [path, offset, sizeBytes, sha256].join('\0')
  const places = new Map(pieces.map((piece) => [placeOf(piece), piece]))
  const totalBytes = [...places.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let done = 0
  const report = (bytes: number) => {
    done += bytes
    onProgress?.(done, totalBytes)
  }
  const damaged = new Set<string>()
  const queue = places.entries()
  const worker = async () => {
    for (const [place, piece] of queue) if (!(await isWhole(piece, report, signal))) damaged.add(place)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return pieces.filter((piece) => damaged.has(placeOf(piece)))
}

async function isWhole(piece: Content, report: (bytes: number) => void, signal?: AbortSignal): Promise<boolean> {
  signal?.throwIfAborted()
  const file = await open(piece.path).catch(() => undefined)
  if (!file) return false
  try {
    const hash = createHash('sha256')
    for await (const chunk of chunksOf(file, piece.offset ?? 0, piece.sizeBytes, signal)) {
      hash.update(chunk)
      report(chunk.length)
    }
    return hash.digest('hex') === piece.sha256
  } catch (error) {
    // A disk that cannot read it back has not kept it whole.
    if (isSystemError(error)) return false
    throw error
  } finally {
    await file.close()
  }
}

export const damagedInBundle = (pieces: readonly Asset[]): TaskError =>
  new TaskError({
    kind: 'bundle',
    message: `damaged in the bundle: ${pieces.map(({ name, path }) => `${name} (${path})`).join(', ')}`,
    cure: 'make the bundle again, or copy those pieces to it again',
  })
