import type { FileHandle } from 'node:fs/promises'

const chunkBytes = 4 * 1024 * 1024

/**
 * The `sizeBytes` of an open file from `offset` on, or what there is of them, in chunks of some MiB. Each chunk is gone once
 * the next is asked for: they share their memory.
 */
export async function* chunksOf(
  file: FileHandle,
  offset: number,
  sizeBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes))
  for (let done = 0; done < sizeBytes; ) {
    signal?.throwIfAborted()
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, sizeBytes - done), offset + done)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    done += bytesRead
  }
}
