import { parse, stringify } from 'yaml'
import { seededRandom } from '../../lib/cli/seeded-random.ts'
import { fixtures } from '../topology/fixtures.ts'
import { base } from '../topology/known.ts'
import { mutate } from '../topology/mutations.ts'
import { mutateBytes, pick, type Random } from './damage.ts'
import { hostileNames } from './hostile-names.ts'

const sources = [base, ...fixtures('valid').map(({ text }) => text)]

/** A lab file that no friend wrote: the bytes for a seed, always the same ones. */
export function configInput(seed: number): Uint8Array {
  const random = seededRandom(seed)
  const source = pick(random, sources)
  const kind = random()
  if (kind < 0.25) return mutateBytes(Buffer.from(source), random)
  if (kind < 0.35) return Buffer.from(mutate(source, random))
  if (kind < 0.6) return Buffer.from(mutateStructure(source, random))
  return Buffer.from(mutateMeaning(source, random))
}

/** What YAML itself offers against those who read it. */
function mutateStructure(source: string, random: Random): string {
  const lines = source.split('\n')
  const at = Math.floor(random() * lines.length)
  const line = lines[at] ?? ''
  const key = /^\s*[\w-]+:/.exec(line)?.[0] ?? 'machine:'
  const instead = (...texts: string[]) => [...lines.slice(0, at), ...texts, ...lines.slice(at + 1)].join('\n')
  const depth = Math.floor(10 ** (1 + random() * 4))
  const structures: readonly (() => string)[] = [
    () => instead(line, line),
    () => instead(line, `${key} other`),
    () => instead(line, line.replace(/:.*/, ': other')),
    () => instead(`${key} ${'['.repeat(depth)}`),
    () => instead(`${key} ${'['.repeat(depth)}${']'.repeat(depth)}`),
    () => instead(`${key} ${'{ a: '.repeat(depth)}`),
    () => instead(`${key} ${'- '.repeat(depth)}`),
    () => instead(`${key} ${'? '.repeat(depth)}`),
    () => instead(`${key} ${'!!str '.repeat(Math.min(depth, 1000))}x`),
    () => `${source}\n${aliasBomb(2 + Math.floor(random() * 8), 2 + Math.floor(random() * 9))}`,
    () => instead(`${key} &a [*a, *a]`),
    () => instead(line.replace(/: (.+)/, ': &a $1'), `${key} *a`),
    () => instead(`${key} *nowhere`),
    () => instead(line, `${' '.repeat(Math.floor(random() * 6))}<<: *a`),
    () => instead(`${key} { <<: { role: edge }, ${'<<: {}, '.repeat(Math.min(depth, 1000))} }`),
    () => instead(`${key} ${pick(random, tags)} x`),
    () => instead(`${key} ${pick(random, numbers)}`),
    () => source.replaceAll(/\d+/g, (digits) => (random() < 0.1 ? pick(random, numbers) : digits)),
    () => instead(`${key} |\n${'      x\n'.repeat(Math.min(depth, 20_000))}`),
    () => instead(`${key} "${'\\u0000\\x1b'.repeat(Math.min(depth, 1000))}"`),
    () => `%YAML 1.1\n%TAG ! tag:x,2000:\n---\n${source}`,
    () => `${source}\n---\n${source}`,
    () => `${source}\n...\n%`,
    () => instead(`${key} ${'x'.repeat(Math.min(depth, 65_536))}`),
    () => instead(...Array.from({ length: Math.min(depth, 3000) }, (_, index) => `${key.replace(':', '')}${index}: 1`)),
    () => instead(`${key} [${'a, '.repeat(Math.min(depth, 3000))}]`),
    () => instead(`? { a: b }\n: c`),
    () => instead(`${key}\n\t- a`),
    // Far beyond what is read, and just within.
    () => (random() < 0.2 ? `${source}\n${'# much\n'.repeat(1_500_000)}` : source),
    () => (random() < 0.2 ? `${source}\nbundle: ${'x'.repeat(2_000_000)}` : source),
    () => (random() < 0.2 ? '\0'.repeat(2_000_000) : source),
  ]
  return pick(random, structures)()
}

const aliasBomb = (levels: number, width: number): string =>
  Array.from({ length: levels }, (_, level) => {
    const item = level === 0 ? 'x' : `*b${level - 1}`
    return `b${level}: &b${level} [${Array(width).fill(item).join(', ')}]`
  }).join('\n')

const tags = [
  '!!binary',
  '!!set',
  '!!omap',
  '!!timestamp',
  '!!js/function',
  '!!python/object/apply:os.system',
  '!<tag:x>',
  '!',
]
const numbers = [
  '-1',
  '0',
  '1e999',
  '.inf',
  '.nan',
  '9'.repeat(400),
  `0x${'f'.repeat(400)}`,
  '1_000',
  '0o7',
  '1.5',
  '-0',
  '4294967296',
  '9007199254740993',
  '2024-01-01',
  '1:30',
]

type Value = unknown

/** A sound file in which a name, a key or a value at some place is another one. */
function mutateMeaning(source: string, random: Random): string {
  let value: Value = parse(source)
  for (let count = 1 + Math.floor(random() * 2); count > 0; count--) value = mutateValue(value, random)
  // JSON is YAML too, and all of it stands in one line.
  return random() < 0.3 ? JSON.stringify(value) : stringify(value)
}

function mutateValue(value: Value, random: Random): Value {
  if (typeof value !== 'object' || value === null) return random() < 0.7 ? pick(random, hostileNames) : odd(random)
  if (random() < 0.03) return odd(random)
  const entries = Object.entries(value)
  const at = Math.floor(random() * entries.length)
  if (Array.isArray(value)) {
    if (random() < 0.2) return [...value, pick(random, hostileNames)]
    return value.map((item, index) => (index === at ? mutateValue(item, random) : item))
  }
  const kind = random()
  if (kind < 0.15) entries.splice(at, 1, [pick(random, hostileNames), entries[at]?.[1]])
  else if (kind < 0.2) entries.splice(at, 1)
  else if (kind < 0.25) entries.push([pick(random, hostileNames), pick(random, hostileNames)])
  else if (kind < 0.3) swap(entries, at, Math.floor(random() * entries.length))
  else if (entries[at]) entries[at] = [entries[at][0], mutateValue(entries[at][1], random)]
  return Object.fromEntries(entries)
}

function swap(entries: [string, Value][], one: number, other: number): void {
  const [first, second] = [entries[one], entries[other]]
  if (!first || !second) return
  entries[one] = [first[0], second[1]]
  entries[other] = [second[0], first[1]]
}

const odd = (random: Random): Value =>
  pick(random, [null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, [], [[]], {}, { a: { b: {} } }, [null], ['x', 1]])
