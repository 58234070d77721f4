/*
 * A disk image in the format of CD-ROMs (ECMA-119) with Joliet names: a few small files in the root folder, which is all
 * that a NoCloud seed is. Written here so that no hypervisor needs a program for it. The same input gives the same bytes.
 */

const sectorBytes = 2048
/** Images end on a full MiB, so that one can take another's place under a running VM without a change of size. */
const unitBytes = 1024 * 1024

const primarySector = 16
const jolietSector = 17
const terminatorSector = 18
const firstTableSector = 19
const primaryRootSector = 23
const jolietRootSector = 24
const firstFileSector = 25

type Placed = { readonly name: string; readonly content: Uint8Array; readonly sector: number }

/** The two directory trees: the primary one in capitals, as the standard wants it, the other in UCS-2 as written. */
type Tree = {
  readonly rootSector: number
  readonly tableSector: number
  /** A text field, padded with blanks to `length` bytes. */
  readonly field: (text: string, length: number) => Uint8Array
  readonly fileName: (name: string) => Uint8Array
}

const primary: Tree = {
  rootSector: primaryRootSector,
  tableSector: firstTableSector,
  field: (text, length) => latin(text.padEnd(length)),
  fileName: (name) => latin(`${name.toUpperCase()}.;1`),
}

const joliet: Tree = {
  rootSector: jolietRootSector,
  tableSector: firstTableSector + 2,
  field: (text, length) => ucs2(text.padEnd(Math.floor(length / 2)), length),
  fileName: (name) => ucs2(name),
}

/**
 * `label` has at most 16 characters. Names are ASCII without a dot, at most 28 characters; they come out in lower case on
 * systems without Joliet. Throws where the folder does not fit its one sector.
 */
export function iso9660(label: string, files: Readonly<Record<string, string | Uint8Array>>): Uint8Array {
  const placed: Placed[] = []
  let next = firstFileSector
  for (const [name, given] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!/^[A-Za-z0-9_-]{1,28}$/.test(name)) throw new RangeError(`Not a name for the root of an image: ${name}`)
    const content = typeof given === 'string' ? new TextEncoder().encode(given) : given
    placed.push({ name, content, sector: next })
    next += Math.max(1, Math.ceil(content.length / sectorBytes))
  }
  const image = new Uint8Array(Math.ceil((next * sectorBytes) / unitBytes) * unitBytes)
  const sectors = image.length / sectorBytes

  const put = (sector: number, bytes: Uint8Array): void => image.set(bytes, sector * sectorBytes)
  put(primarySector, volumeDescriptor(1, primary, label, sectors))
  put(jolietSector, volumeDescriptor(2, joliet, label, sectors))
  put(terminatorSector, Uint8Array.of(255, ...latin('CD001'), 1))
  for (const tree of [primary, joliet]) {
    put(tree.tableSector, pathTable(tree.rootSector, true))
    put(tree.tableSector + 1, pathTable(tree.rootSector, false))
    put(tree.rootSector, rootFolder(tree, placed))
  }
  for (const { sector, content } of placed) put(sector, content)
  return image
}

function volumeDescriptor(type: 1 | 2, tree: Tree, label: string, sectors: number): Uint8Array {
  const sector = new Uint8Array(sectorBytes)
  sector.set([type, ...latin('CD001'), 1])
  sector.set(tree.field('', 32), 8)
  sector.set(tree.field(label, 32), 40)
  sector.set(both32(sectors), 80)
  // The escape sequence by which a reader knows UCS-2 of level 3, that is Joliet.
  if (type === 2) sector.set(latin('%/E'), 88)
  sector.set([...both16(1), ...both16(1), ...both16(sectorBytes), ...both32(pathTableBytes)], 120)
  const view = new DataView(sector.buffer)
  view.setUint32(140, tree.tableSector, true)
  view.setUint32(148, tree.tableSector + 1, false)
  sector.set(record(tree.rootSector, sectorBytes, true, Uint8Array.of(0)), 156)
  // Volume set, publisher, preparer and application (128 bytes each), then three file names (37 each): all empty.
  for (let at = 190; at < 702; at += 128) sector.set(tree.field('', 128), at)
  for (let at = 702; at < 813; at += 37) sector.set(tree.field('', 37), at)
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

function rootFolder(tree: Tree, files: readonly Placed[]): Uint8Array {
  const records = [
    record(tree.rootSector, sectorBytes, true, Uint8Array.of(0)),
    record(tree.rootSector, sectorBytes, true, Uint8Array.of(1)),
    ...files.map(({ name, content, sector }) => record(sector, content.length, false, tree.fileName(name))),
  ]
  const folder = records.flatMap((bytes) => [...bytes])
  if (folder.length > sectorBytes) throw new RangeError('Too many files for the root of an image')
  return Uint8Array.from(folder)
}

function record(sector: number, size: number, isFolder: boolean, name: Uint8Array): Uint8Array {
  const length = 33 + name.length + (name.length % 2 === 0 ? 1 : 0)
  const bytes = new Uint8Array(length)
  bytes[0] = length
  bytes.set(both32(sector), 2)
  bytes.set(both32(size), 10)
  // 1 January 2020; some readers take an empty date for damage.
  bytes.set([120, 1, 1, 0, 0, 0, 0], 18)
  bytes[25] = isFolder ? 2 : 0
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
function both16(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, value, true)
  view.setUint16(2, value, false)
  return bytes
}

function both32(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, value, true)
  view.setUint32(4, value, false)
  return bytes
}
