import { closeSync, openSync } from 'node:fs'
import type { Asset } from '../task/task.ts'
import { readBytes } from './read-image.ts'

/** All of a small piece, as text. */
export function readAsset({ path, offset = 0, sizeBytes }: Asset): string {
  const descriptor = openSync(path, 'r')
  try {
    return new TextDecoder().decode(readBytes(descriptor, offset, sizeBytes))
  } finally {
    closeSync(descriptor)
  }
}
