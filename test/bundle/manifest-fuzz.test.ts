import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bundle, openBundle } from '../../lib/bundle/bundle.ts'
import { seededRandom } from '../../lib/cli/seeded-random.ts'
import { TaskError } from '../../lib/event/failure.ts'
import { labPieces } from '../tasks/lab-bundle.ts'
import { makeBundle, writeManifest } from './make-bundle.ts'

type Random = () => number
const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T

const oddValues: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  '',
  ' ',
  '\0',
  '..',
  '../../etc/passwd',
  '/etc/passwd',
  'a\nb',
  'x'.repeat(300_000),
  [],
  [[]],
  {},
  { toString: 'no' },
  'all',
  'amd64',
  'image',
  '__proto__',
  '\ud800',
  Number.MAX_SAFE_INTEGER,
]

/** One change somewhere in a copy of the value: a part replaced, removed, doubled, renamed. */
function mutateValue(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random() < 0.05) return pick(random, oddValues)
  const keys = Object.keys(value)
  const key = pick(random, keys)
  if (Array.isArray(value)) {
    const index = Number(key)
    const kind = random()
    if (keys.length === 0 || kind < 0.1) return [...value, pick(random, oddValues)]
    if (kind < 0.2) return value.toSpliced(index, 1)
    if (kind < 0.3) return [...value, value[index]]
    return value.with(index, mutateValue(value[index], random))
  }
  if (key === undefined) return pick(random, oddValues)
  const entries = Object.entries(value)
  const kind = random()
  if (kind < 0.1) return Object.fromEntries(entries.filter(([name]) => name !== key))
  if (kind < 0.2) return Object.fromEntries(entries.map(([name, each]) => [name === key ? `${name}s` : name, each]))
  return Object.fromEntries(entries.map(([name, each]) => [name, name === key ? mutateValue(each, random) : each]))
}

/** Bytes cut off, doubled, or replaced, as a bad disk or a broken copy leaves them. */
function mutateBytes(text: string, random: Random): string {
  const at = Math.floor(random() * text.length)
  const length = 1 + Math.floor(random() * 8)
  const kind = random()
  if (kind < 0.3) return text.slice(0, at)
  if (kind < 0.6) return text.slice(0, at) + text.slice(at + length)
  if (kind < 0.8) return text.slice(0, at) + text.slice(at, at + length) + text.slice(at)
  return text.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + text.slice(at + 1)
}

test('500 damaged manifests: each opens whole or is refused as a bundle, and none reaches out of its folder', () => {
  const seed = Number(process.env.KEDGE_SEED ?? 20261121)
  const random = seededRandom(seed)
  const folder = makeBundle(labPieces)
  const text = readFileSync(join(folder, 'manifest.json'), 'utf8')
  const outcomes = { opened: 0, refused: 0 }
  for (let round = 0; round < 500; round++) {
    let damaged: unknown = JSON.parse(text)
    for (let count = 0; count <= random() * 2; count++) damaged = mutateValue(damaged, random)
    const mutated = random() < 0.5 ? JSON.stringify(damaged) : mutateBytes(text, random)
    writeManifest(folder, mutated)
    const place = `KEDGE_SEED=${seed}, round ${round}: ${mutated.slice(0, 2000)}`
    try {
      for (const { path, sizeBytes } of everyPiece(openBundle(folder))) {
        expect(path.startsWith(`${folder}/`), place).toBe(true)
        expect(readFileSync(path).length, place).toBe(sizeBytes)
      }
      outcomes.opened++
    } catch (error) {
      if (!(error instanceof TaskError)) throw new Error(place, { cause: error })
      expect(error.failure.kind, place).toBe('bundle')
      expect(error.message.length, place).toBeLessThan(1000)
      outcomes.refused++
    }
  }
  // A fuzz that never gets past the first question, or is never refused, asks nothing.
  expect(outcomes.opened).toBeGreaterThan(25)
  expect(outcomes.refused).toBeGreaterThan(250)
})

const everyPiece = (bundle: Bundle) =>
  (['amd64', 'arm64'] as const).flatMap((architecture) =>
    (['file', 'image', 'manifest', 'os-packages', 'vm-image'] as const).flatMap((kind) =>
      bundle.assets(kind, architecture),
    ),
  )
