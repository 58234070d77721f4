import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { resolve } from 'node:path'
import type { TaskError } from '../event/failure.ts'
import type { LocatedPiece } from './bundle.ts'
import { damagedBundle, manifestName, type Piece, parseManifest } from './manifest.ts'
import { type Image, readBytes, readImage } from './read-image.ts'

/** The volume label by which a bundle that is one file is known. */
export const bundleLabel = 'KEDGE_BUNDLE'

const largestManifestBytes = 64 * 1024 * 1024

/**
 * The pieces of a bundle that is one file, or the part of one that begins at `offset`: an ISO 9660 image whose root holds
 * `manifest.json` and each piece under its sha256. Throws a TaskError of kind `bundle` for any other file, and for one that
 * was cut off.
 */
export function openBundleFile(path: string, offset = 0, sizeBytes?: number): readonly LocatedPiece[] {
  const descriptor = openFile(path)
  try {
    const available = Math.min(fstatSync(descriptor).size - offset, sizeBytes ?? Number.POSITIVE_INFINITY)
    const image = imageIn(descriptor, path, offset)
    if (image.sizeBytes > available)
      throw damagedBundle(
        `${path} is cut off: of the bundle's ${image.sizeBytes} bytes ${Math.max(0, available)} are there`,
      )
    const text = manifestIn(descriptor, path, offset, image)
    const bundleFile = { path: resolve(path), offset, sizeBytes: image.sizeBytes }
    return parseManifest(text, `${manifestName} in ${path}`).map((piece) => {
      const found = rangeOf(piece, image, path)
      return { ...piece, path: bundleFile.path, offset: offset + found.offset, bundleFile }
    })
  } finally {
    closeSync(descriptor)
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    throw damagedBundle(`${path} cannot be read: ${(error as Error).message}`)
  }
}

function imageIn(descriptor: number, path: string, offset: number): Image {
  try {
    const image = readImage(descriptor, offset)
    if (image?.label === bundleLabel) return image
  } catch (error) {
    throw damagedBundle(`${path} is damaged: ${(error as Error).message}`)
  }
  throw notABundle(path)
}

const notABundle = (path: string): TaskError =>
  damagedBundle(
    `${path} is no bundle: neither a folder with ${manifestName} nor a file that \`kedge bundle create\` made`,
  )

function manifestIn(descriptor: number, path: string, offset: number, image: Image): string {
  const range = image.files.get(manifestName)
  if (!range) throw damagedBundle(`${path} has no ${manifestName}`)
  if (range.sizeBytes > largestManifestBytes) throw damagedBundle(`${manifestName} in ${path} is too large`)
  return new TextDecoder().decode(readBytes(descriptor, offset + range.offset, range.sizeBytes))
}

function rangeOf(piece: Piece, image: Image, path: string) {
  const found = image.files.get(piece.path)
  if (!found) throw damagedBundle(`${piece.name}: ${piece.path} is missing in ${path}`)
  if (found.sizeBytes !== piece.sizeBytes)
    throw damagedBundle(
      `${piece.name}: ${piece.path} in ${path} has ${found.sizeBytes} bytes, the manifest says ${piece.sizeBytes}`,
    )
  return found
}
