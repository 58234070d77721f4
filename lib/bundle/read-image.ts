import { readSync } from 'node:fs'
import { jolietSector, moreFlag, sectorBytes } from './iso9660.ts'

/** What the root folder of a disk image lists. */
export type Image = {
  readonly label: string
  /** What the image says of itself; the file may be shorter when it was cut off. */
  readonly sizeBytes: number
  /** By name; offsets count from the start of the image. */
  readonly files: ReadonlyMap<string, { readonly offset: number; readonly sizeBytes: number }>
}

const largestFolderBytes = 16 * 1024 * 1024

/**
 * Reads the Joliet tree of an ISO 9660 image that begins at `offset` of an open file. Undefined where there is no such
 * image; throws an Error for one that is damaged or built in a way that is not ours.
 */
export function readImage(descriptor: number, offset: number): Image | undefined {
  const volume = readBytes(descriptor, offset + jolietSector * sectorBytes, sectorBytes)
  if (volume.length < sectorBytes || text(volume, 1, 5) !== 'CD001') return undefined
  // Another program may write its descriptors in another order; a bundle has Joliet's second.
  if (volume[0] !== 2 || text(volume, 88, 2) !== '%/') return undefined
  const view = viewOf(volume)
  const sizeBytes = view.getUint32(80, true) * sectorBytes
  const folder = { offset: view.getUint32(158, true) * sectorBytes, sizeBytes: view.getUint32(166, true) }
  if (folder.sizeBytes > largestFolderBytes || folder.offset + folder.sizeBytes > sizeBytes)
    throw new Error('its root folder lies outside')
  const bytes = readBytes(descriptor, offset + folder.offset, folder.sizeBytes)
  if (bytes.length < folder.sizeBytes) throw new Error('it ends within its root folder')
  return { label: ucs2(volume, 40, 32).trimEnd(), sizeBytes, files: filesOf(bytes, sizeBytes) }
}

function filesOf(folder: Uint8Array, imageBytes: number): Image['files'] {
  const files = new Map<string, { offset: number; sizeBytes: number }>()
  const view = viewOf(folder)
  let goesOn: string | undefined
  for (let at = 0; at < folder.length; ) {
    const length = folder[at] as number
    // Records do not go over the end of a sector: the rest of it is empty.
    if (length === 0) {
      at = (Math.floor(at / sectorBytes) + 1) * sectorBytes
      continue
    }
    const nameLength = folder[at + 32] ?? 0
    if (length < 34 || at + length > folder.length || 33 + nameLength > length)
      throw new Error('its root folder is damaged')
    const offset = view.getUint32(at + 2, true) * sectorBytes
    const sizeBytes = view.getUint32(at + 10, true)
    const flags = folder[at + 25] as number
    const name = ucs2(folder, at + 33, nameLength).replace(/;\d+$/, '')
    at += length
    if (nameLength === 1) continue
    if (offset + sizeBytes > imageBytes) throw new Error(`${JSON.stringify(name)} reaches beyond its end`)
    const before = files.get(name)
    if (goesOn !== undefined && goesOn !== name) throw new Error(`${JSON.stringify(goesOn)} has no end`)
    if (before && goesOn === undefined) throw new Error(`${JSON.stringify(name)} is there twice`)
    // As kedge writes it, a long file is in one stretch all the same.
    if (before && before.offset + before.sizeBytes !== offset)
      throw new Error(`${JSON.stringify(name)} lies in several places`)
    files.set(name, before ? { ...before, sizeBytes: before.sizeBytes + sizeBytes } : { offset, sizeBytes })
    goesOn = (flags & moreFlag) === 0 ? undefined : name
  }
  if (goesOn !== undefined) throw new Error(`${JSON.stringify(goesOn)} has no end`)
  return files
}

/** As many of the bytes as the file has. */
export function readBytes(descriptor: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const count = readSync(descriptor, bytes, filled, length - filled, position + filled)
    if (count === 0) break
    filled += count
  }
  return bytes.subarray(0, filled)
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const text = (bytes: Uint8Array, at: number, length: number) =>
  new TextDecoder().decode(bytes.subarray(at, at + length))
const ucs2 = (bytes: Uint8Array, at: number, length: number) =>
  new TextDecoder('utf-16be').decode(bytes.subarray(at, at + length))
