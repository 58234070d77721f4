/*
 * Disk images in the format of CD-ROMs (ECMA-119) with Joliet names and all files in the root folder: a NoCloud seed, and a
 * bundle that is one file. Written here so that no machine needs a program for it. The same input gives the same bytes.
 */

export const sectorBytes = 2048
/** A longer file is written as several extents, each of which has to end on a full sector. */
const largestExtentBytes = 0xfffff800
/** Linux gives up on a file of more. */
const mostExtents = 100

export const jolietSector = 17
const terminatorSector = 18
const firstTableSector = 19
const firstRootSector = 23

export type ImageFile = { readonly name: string; readonly sizeBytes: number }
export type Placed<F extends ImageFile> = { readonly file: F; readonly offsetBytes: number }

/** Where everything goes in an image. The files' own bytes are the caller's to write; all other bytes behind `head` are zero. */
export type ImageLayout<F extends ImageFile> = {
  /** What comes before the first file. */
  readonly head: Uint8Array
  /** In the order given. */
  readonly files: readonly Placed<F>[]
  readonly sizeBytes: number
}

/** The two directory trees: the primary one in capitals, as the standard wants it, the other in UCS-2 as written. */
type Tree = {
  readonly type: 1 | 2
  readonly tableSector: number
  readonly rootSector: number
  readonly rootBytes: number
}

/**
 * `label` has at most 16 characters. Names are of letters, digits, `-`, `_` and at most one dot, with at most 64 characters;
 * systems without Joliet show the first 28. The image's size is a multiple of `unitBytes`.
 */
export function layoutImage<F extends ImageFile>(
  label: string,
  files: readonly F[],
  unitBytes = sectorBytes,
): ImageLayout<F> {
  for (const { name } of files)
    if (!/^(?=.{1,64}$)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)?$/.test(name))
      throw new RangeError(`Not a name for the root of an image: ${name}`)
  const sorted = files.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const rootBytes = ([1, 2] as const).map((type) => folderBytes(rootRecords(type, 0, 0, sorted, () => 0)))
  const [primaryBytes = 0, jolietBytes = 0] = rootBytes
  const jolietRoot = firstRootSector + primaryBytes / sectorBytes
  const primary: Tree = { type: 1, tableSector: firstTableSector, rootSector: firstRootSector, rootBytes: primaryBytes }
  const joliet: Tree = { type: 2, tableSector: firstTableSector + 2, rootSector: jolietRoot, rootBytes: jolietBytes }

  const firstFileSector = jolietRoot + jolietBytes / sectorBytes
  const sectors = new Map<F, number>()
  let next = firstFileSector
  for (const file of files) {
    sectors.set(file, next)
    next += Math.max(1, Math.ceil(file.sizeBytes / sectorBytes))
  }
  const sectorOf = (file: F) => sectors.get(file) as number
  const sizeBytes = Math.ceil((next * sectorBytes) / unitBytes) * unitBytes

  const head = new Uint8Array(firstFileSector * sectorBytes)
  const put = (sector: number, bytes: Uint8Array): void => head.set(bytes, sector * sectorBytes)
  put(terminatorSector, Uint8Array.of(255, ...latin('CD001'), 1))
  for (const tree of [primary, joliet]) {
    put(15 + tree.type, volumeDescriptor(tree, label, sizeBytes / sectorBytes))
    put(tree.tableSector, pathTable(tree.rootSector, true))
    put(tree.tableSector + 1, pathTable(tree.rootSector, false))
    put(tree.rootSector, inSectors(rootRecords(tree.type, tree.rootSector, tree.rootBytes, sorted, sectorOf)))
  }
  return { head, files: files.map((file) => ({ file, offsetBytes: sectorOf(file) * sectorBytes })), sizeBytes }
}

/** Images of seeds end on a full MiB, so that one can take another's place under a running VM without a change of size. */
const seedUnitBytes = 1024 * 1024

/** A small image in memory. */
export function iso9660(label: string, files: Readonly<Record<string, string | Uint8Array>>): Uint8Array {
  const contents = Object.entries(files)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, given]) => {
      const content = typeof given === 'string' ? new TextEncoder().encode(given) : given
      return { name, content, sizeBytes: content.length }
    })
  const layout = layoutImage(label, contents, seedUnitBytes)
  const image = new Uint8Array(layout.sizeBytes)
  image.set(layout.head)
  for (const { file, offsetBytes } of layout.files) image.set(file.content, offsetBytes)
  return image
}

function volumeDescriptor(tree: Tree, label: string, sectors: number): Uint8Array {
  const sector = new Uint8Array(sectorBytes)
  const field = (text: string, length: number) =>
    tree.type === 1 ? latin(text.padEnd(length)) : ucs2(text.padEnd(Math.floor(length / 2)), length)
  sector.set([tree.type, ...latin('CD001'), 1])
  sector.set(field('', 32), 8)
  sector.set(field(label, 32), 40)
  sector.set(both32(sectors), 80)
  // The escape sequence by which a reader knows UCS-2 of level 3, that is Joliet.
  if (tree.type === 2) sector.set(latin('%/E'), 88)
  sector.set([...both16(1), ...both16(1), ...both16(sectorBytes), ...both32(pathTableBytes)], 120)
  const view = new DataView(sector.buffer)
  view.setUint32(140, tree.tableSector, true)
  view.setUint32(148, tree.tableSector + 1, false)
  sector.set(record(tree.rootSector, tree.rootBytes, folderFlag, Uint8Array.of(0)), 156)
  // Volume set, publisher, preparer and application (128 bytes each), then three file names (37 each): all empty.
  for (let at = 190; at < 702; at += 128) sector.set(field('', 128), at)
  for (let at = 702; at < 813; at += 37) sector.set(field('', 37), at)
  // Four dates: not given.
  for (let at = 813; at < 881; at += 17) sector.set(latin('0'.repeat(16)), at)
  sector[881] = 1
  return sector
}

const pathTableBytes = 10

/** One entry: the root, its own parent. */
function pathTable(rootSector: number, littleEndian: boolean): Uint8Array {
  const table = new Uint8Array(pathTableBytes)
  const view = new DataView(table.buffer)
  view.setUint8(0, 1)
  view.setUint32(2, rootSector, littleEndian)
  view.setUint16(6, 1, littleEndian)
  return table
}

const folderFlag = 2
/** Another extent of the same file follows. */
export const moreFlag = 0x80

function rootRecords<F extends ImageFile>(
  type: Tree['type'],
  rootSector: number,
  rootBytes: number,
  files: readonly F[],
  sectorOf: (file: F) => number,
): readonly Uint8Array[] {
  const own = [0, 1].map((name) => record(rootSector, rootBytes, folderFlag, Uint8Array.of(name)))
  return [...own, ...files.flatMap((file) => fileRecords(type, file, sectorOf(file)))]
}

function fileRecords(type: Tree['type'], { name, sizeBytes }: ImageFile, sector: number): readonly Uint8Array[] {
  const written = type === 1 ? latin(primaryName(name)) : ucs2(name)
  const count = Math.max(1, Math.ceil(sizeBytes / largestExtentBytes))
  if (count > mostExtents) throw new RangeError(`${name} is too large for an image`)
  return Array.from({ length: count }, (_, index) => {
    const before = index * largestExtentBytes
    const size = Math.min(largestExtentBytes, sizeBytes - before)
    return record(sector + before / sectorBytes, size, index < count - 1 ? moreFlag : 0, written)
  })
}

function primaryName(name: string): string {
  const [stem = '', extension = ''] = name.split('.')
  return `${stem.slice(0, 28 - extension.length)}.${extension}`.toUpperCase().concat(';1')
}

/** A record never goes over the end of a sector. */
function inSectors(records: readonly Uint8Array[]): Uint8Array {
  const folder = new Uint8Array(folderBytes(records))
  let at = 0
  for (const bytes of records) {
    at = placeOf(at, bytes.length)
    folder.set(bytes, at)
    at += bytes.length
  }
  return folder
}

const placeOf = (at: number, length: number): number =>
  (at % sectorBytes) + length > sectorBytes ? Math.ceil(at / sectorBytes) * sectorBytes : at

const folderBytes = (records: readonly Uint8Array[]): number =>
  Math.ceil(records.reduce((at, { length }) => placeOf(at, length) + length, 0) / sectorBytes) * sectorBytes

function record(sector: number, size: number, flags: number, name: Uint8Array): Uint8Array {
  const length = 33 + name.length + (name.length % 2 === 0 ? 1 : 0)
  const bytes = new Uint8Array(length)
  bytes[0] = length
  bytes.set(both32(sector), 2)
  bytes.set(both32(size), 10)
  // 1 January 2020; some readers take an empty date for damage.
  bytes.set([120, 1, 1, 0, 0, 0, 0], 18)
  bytes[25] = flags
  bytes.set(both16(1), 28)
  bytes[32] = name.length
  bytes.set(name, 33)
  return bytes
}

const latin = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

function ucs2(text: string, length = text.length * 2): Uint8Array {
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  for (let index = 0; index < text.length; index++) view.setUint16(index * 2, text.charCodeAt(index))
  return bytes
}

/** The standard writes numbers twice, low byte first and high byte first. */
const both16 = (value: number): Uint8Array => both(Uint16Array.of(value))
const both32 = (value: number): Uint8Array => both(Uint32Array.of(value))

/** A machine on which kedge runs has its low byte first. */
function both({ buffer }: Uint16Array | Uint32Array): Uint8Array {
  const low = new Uint8Array(buffer)
  return Uint8Array.of(...low, ...low.toReversed())
}
