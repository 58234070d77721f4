import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { seededRandom } from '../../lib/cli/seeded-random.ts'
import { mutateBytes, pick, type Random } from './damage.ts'
import { hostileNames } from './hostile-names.ts'

const oddValues: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  'a\nb',
  'x'.repeat(300_000),
  [],
  [[]],
  {},
  { toString: 'no' },
  'all',
  'amd64',
  'image',
  '../manifest.json',
  'file/../../../etc/passwd',
  './manifest.json',
  'file',
]

/** A bundle's manifest that no friend wrote: the bytes for a seed, always the same ones. */
export function manifestInput(seed: number, folder: string): Uint8Array {
  const random = seededRandom(seed)
  const text = readFileSync(join(folder, 'whole.json'))
  const kind = random()
  if (kind < 0.35) return mutateBytes(text, random)
  if (kind < 0.4) return Buffer.from(pick(random, monsters)())
  let value: unknown = JSON.parse(text.toString('utf8'))
  for (let count = 0; count <= random() * 2; count++) value = mutateValue(value, random)
  return Buffer.from(JSON.stringify(value) ?? '')
}

const monsters: readonly (() => string)[] = [
  () => '['.repeat(1_000_000),
  () => `{"version":1,"pieces":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  () => '{"a":'.repeat(500_000),
  () => `{"version":1,"pieces":[${'{},'.repeat(100_000)}{}]}`,
  () => `{"version":1,"pieces":"${'x'.repeat(10_000_000)}"}`,
  () => `{"version":"${'\\u001b]0;x\\u0007\\u202e'.repeat(1000)}"}`,
  () => `{"version":1,"__proto__":{"pieces":[]},"pieces":{"length":-1}}`,
  () => '\0'.repeat(100_000),
  () => '9'.repeat(1_000_000),
  () => '',
]

/** One change somewhere in a copy of the value: a part replaced, removed, doubled, renamed. */
function mutateValue(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random() < 0.05)
    return random() < 0.6 ? pick(random, hostileNames) : pick(random, oddValues)
  const keys = Object.keys(value)
  const key = pick(random, keys)
  const kind = random()
  if (Array.isArray(value)) {
    const index = Number(key)
    if (keys.length === 0 || kind < 0.1) return [...value, pick(random, oddValues)]
    if (kind < 0.2) return value.toSpliced(index, 1)
    if (kind < 0.3) return [...value, value[index]]
    return value.with(index, mutateValue(value[index], random))
  }
  if (key === undefined) return pick(random, oddValues)
  const entries = Object.entries(value)
  if (kind < 0.1) return Object.fromEntries(entries.filter(([name]) => name !== key))
  if (kind < 0.2) return Object.fromEntries(entries.map(([name, each]) => [name === key ? `${name}s` : name, each]))
  return Object.fromEntries(entries.map(([name, each]) => [name, name === key ? mutateValue(each, random) : each]))
}
