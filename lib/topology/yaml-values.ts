import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { quoted } from './wording.ts'

/** Keys and indices from the root of the file down to one value. */
export type Path = readonly (string | number)[]

/** Told of each mistake, with the offsets of what it is about. */
export type Tell = (start: number, end: number, message: string, hint?: string) => unknown

/** The key and the value at one place, as far as they are written. */
export type Spot = { readonly key?: Node; readonly value?: Node }

export type YamlValues = {
  /**
   * Plain data; mappings have no prototype, so that a key called `constructor` is only a key. Undefined where an alias
   * has no sound target.
   */
  readonly value: unknown
  /** The key and the value that stand at a path, as far as the path exists. */
  find(path: Path): Spot | undefined
}

/** Far above any lab, far below what a nest of aliases can expand to. */
const mostValues = 500_000

const mergeKey = [
  'merge keys (`<<`) are not part of YAML 1.2',
  'what all VMs have in common goes into `machine`',
] as const

/**
 * A parsed document as plain data that remembers where everything stands. Unlike the library's own conversion it says where
 * a key stands twice, which the library finds only in quadratic time, and where an alias does harm.
 */
export function readValues(document: Document, tell: Tell, lineOf: (offset: number) => number): YamlValues {
  const entries = new Map<YAMLMap, Map<string, Pair>>()
  const anchors = new Map<string, Node>()
  const targets = new Map<Node, Node>()
  const open = new Set<Node>()
  let count = 0
  let hasBadAlias = false

  function convert(node: unknown): unknown {
    if (!isNode(node)) return null
    count += 1
    if (isAlias(node)) return convertAlias(node)
    if (node.anchor) anchors.set(node.anchor, node)
    if (isScalar(node)) return scalarValue(node)
    open.add(node)
    const value = isMap(node) ? convertMap(node) : isSeq(node) ? node.items.map(convert) : null
    open.delete(node)
    return value
  }

  function convertAlias(alias: Node & { readonly source: string }): unknown {
    if (hasBadAlias) return null
    const target = anchors.get(alias.source)
    if (target && !open.has(target) && count <= mostValues) {
      targets.set(alias, target)
      return convert(target)
    }
    hasBadAlias = true
    const reason = !target
      ? `no anchor ${quoted(alias.source)} stands before this alias`
      : open.has(target)
        ? 'this alias contains itself'
        : `aliases expand this file to more than ${mostValues} values`
    tell(...extent(alias), reason)
    return null
  }

  function scalarValue(scalar: Scalar): unknown {
    const { value } = scalar
    if (typeof value === 'string' && value.includes('\0')) tell(...extent(scalar), 'this text contains a NUL character')
    return typeof value === 'bigint' ? Number(value) : value
  }

  function convertMap(map: YAMLMap): Record<string, unknown> {
    const value: Record<string, unknown> = Object.create(null)
    for (const [key, pair] of pairsOf(map)) value[key] = convert(pair.value)
    return value
  }

  function pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
    const known = entries.get(map)
    if (known) return known
    const pairs = new Map<string, Pair>()
    entries.set(map, pairs)
    for (const pair of map.items) {
      const key = keyText(pair.key)
      if (key === undefined) tell(...extent(pair.key, pair.value, map), 'a key must be plain text')
      else if (key === '<<') tell(...extent(pair.key), ...mergeKey)
      else if (pairs.has(key)) tell(...extent(pair.key), `${quoted(key)} stands here twice`, earlier(pairs.get(key)))
      else pairs.set(key, pair)
    }
    return pairs
  }

  const earlier = (pair: Pair | undefined): string => `the first is in line ${lineOf(extent(pair?.key)[0])}`

  function find(path: Path): Spot | undefined {
    let found: Spot | undefined = spot(undefined, document.contents)
    for (const step of path) {
      const node: Node | undefined = found?.value && (targets.get(found.value) ?? found.value)
      if (isMap(node)) {
        const pair: Pair | undefined = entries.get(node)?.get(String(step))
        found = pair && spot(pair.key, pair.value)
      } else if (isSeq(node)) {
        found = Number(step) in node.items ? spot(undefined, node.items[Number(step)]) : undefined
      } else found = undefined
    }
    return found
  }

  const value = convert(document.contents)
  return { value: hasBadAlias ? undefined : value, find }
}

const spot = (key: unknown, value: unknown): Spot => ({
  ...(isNode(key) ? { key } : {}),
  ...(isNode(value) ? { value } : {}),
})

/** Numbers and booleans as they are written: `1.0: x` has the key `1.0`. */
function keyText(key: unknown): string | undefined {
  if (!isScalar(key) || key.value === null) return undefined
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
}

/** Start and end offset of the first of these that stands in the text. */
export function extent(...candidates: readonly unknown[]): [start: number, end: number] {
  for (const candidate of candidates) {
    if (isNode(candidate) && candidate.range) return [candidate.range[0], candidate.range[1]]
  }
  return [0, 0]
}
