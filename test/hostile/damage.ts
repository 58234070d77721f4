export type Random = () => number

export const pick = <Item>(random: Random, list: readonly Item[]): Item =>
  list[Math.floor(random() * list.length)] as Item

const bytes = (...values: number[]) => Uint8Array.from(values)

/** What is no UTF-8, or no text, or turns a text into another encoding. */
const strays: readonly Uint8Array[] = [
  bytes(0),
  bytes(0, 0, 0, 0),
  bytes(0x80),
  bytes(0xff, 0xfe),
  bytes(0xc0, 0x80),
  bytes(0xed, 0xa0, 0x80),
  bytes(0xf4, 0x90, 0x80, 0x80),
  bytes(0xef, 0xbb, 0xbf),
  bytes(0x1b, 0x5b, 0x32, 0x4a),
  bytes(0x0d),
  bytes(0x09),
  bytes(0xc2, 0x85),
  bytes(0xe2, 0x80, 0xae),
]

/** One to four accidents of a disk, a copy or somebody's malice. */
export function mutateBytes(given: Uint8Array, random: Random): Uint8Array {
  let found = given
  for (let count = 1 + Math.floor(random() * 4); count > 0; count--) found = pick(random, edits)(found, random)
  return found
}

type Edit = (given: Uint8Array, random: Random) => Uint8Array

const spot = (given: Uint8Array, random: Random) => Math.floor(random() * (given.length + 1))
const joined = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts))

const edits: readonly Edit[] = [
  (given, random) => given.slice(0, spot(given, random)),
  (given, random) => given.slice(spot(given, random)),
  (given, random) => {
    const at = spot(given, random)
    return joined(given.slice(0, at), pick(random, strays), given.slice(at))
  },
  (given, random) => {
    const at = spot(given, random)
    return joined(given.slice(0, at), given.slice(at + 1 + Math.floor(random() * 16)))
  },
  (given, random) => {
    const changed = Uint8Array.from(given)
    const at = Math.floor(random() * given.length)
    if (at in changed) changed[at] = (changed[at] as number) ^ (1 << Math.floor(random() * 8))
    return changed
  },
  (given, random) => {
    const [a = 0, b = 0, c = 0] = [spot(given, random), spot(given, random), spot(given, random)].sort((x, y) => x - y)
    return joined(given.slice(0, a), given.slice(b, c), given.slice(a, b), given.slice(c))
  },
  (given, random) => {
    const from = spot(given, random)
    const part = given.slice(from, from + Math.floor(random() * 200))
    return joined(given.slice(0, from), part, part, given.slice(from))
  },
  (given, random) =>
    random() < 0.1 ? new Uint8Array(Buffer.from(Buffer.from(given).toString('utf8'), 'utf16le')) : given,
  (given) => joined(Buffer.from(Buffer.from(given).toString('latin1').replaceAll('\n', '\r\n'), 'latin1')),
]

/** A byte or two that are others, each in its place: what stands behind them stays where it is looked for. */
export function changeBytes(given: Uint8Array, random: Random): Uint8Array {
  const changed = Uint8Array.from(given)
  const written = [...given.keys()].filter((at) => given[at] !== 0)
  for (let count = 1 + Math.floor(random() * 2); count > 0; count--) {
    // In what is written, mostly: the rest is room that nobody reads.
    const at = random() < 0.9 ? pick(random, written) : Math.floor(random() * given.length)
    changed[at] = random() < 0.3 ? 0xff : Math.floor(random() * 256)
  }
  return changed
}
