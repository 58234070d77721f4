import { expect, test } from 'bun:test'
import { Ajv } from 'ajv'
import { manifestText, parseManifest } from '../../lib/bundle/manifest.ts'
import { manifestSchema } from '../../lib/bundle/manifest-schema.ts'
import { entryOf } from './make-bundle.ts'

const fitsSchema = new Ajv({ strict: true, allowUnionTypes: true }).compile(manifestSchema)

const isRead = (text: string): boolean => {
  try {
    parseManifest(text, 'manifest.json')
    return true
  } catch {
    return false
  }
}

const good = {
  ...entryOf({ name: 'registry.k8s.io/pause:3.10', kind: 'image', roles: ['edge'] }),
  source: 'docker://registry.k8s.io/pause:3.10',
  digest: `sha256:${'0'.repeat(64)}`,
}

const odd: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 60,
  '',
  ' ',
  'x',
  'a\nb',
  '\u202e',
  '\ud800',
  '-rf',
  'a/b',
  'docker.io/a:1@sha256:0',
  [],
  [1],
  ['edge'],
  ['edges'],
  ['edge', 'worker'],
  {},
  'all',
  'amd64',
  'image',
  'file',
  'manifest',
  'a'.repeat(64),
  'A'.repeat(64),
  `sha256:${'a'.repeat(64)}`,
]

test('the published schema lets through exactly what is read, of every odd value in every key', () => {
  const outcomes = { read: 0, refused: 0 }
  for (const kind of ['image', 'file']) {
    const base = { ...good, kind, name: kind === 'image' ? good.name : 'keadm' }
    for (const key of Object.keys(good)) {
      for (const value of odd) {
        // A path that leads out of the bundle is the one thing that a pattern does not say.
        const piece = JSON.parse(JSON.stringify({ ...base, [key]: value }))
        const manifest = { version: 1, pieces: [piece] }
        const read = isRead(JSON.stringify(manifest))
        expect({ key, value, fits: fitsSchema(manifest) }).toEqual({ key, value, fits: read })
        outcomes[read ? 'read' : 'refused']++
      }
    }
  }
  expect(outcomes.read).toBeGreaterThan(50)
  expect(outcomes.refused).toBeGreaterThan(200)
})

test.each([
  [null],
  [[]],
  [7],
  [{}],
  [{ version: 2, pieces: [] }],
  [{ version: 1 }],
  [{ version: 1, pieces: {} }],
  [{ version: 1, pieces: [null] }],
])('neither takes %j', (manifest) => {
  expect(fitsSchema(manifest)).toBe(false)
  expect(isRead(JSON.stringify(manifest))).toBe(false)
})

test('what kedge writes fits, is read as it was, and is the same for the same pieces', () => {
  const pieces = parseManifest(JSON.stringify({ version: 1, pieces: [good, entryOf({ name: 'keadm' })] }), 'm')
  const text = manifestText(pieces)
  expect(fitsSchema(JSON.parse(text))).toBe(true)
  expect(parseManifest(text, 'm')).toEqual(pieces)
  expect(manifestText(parseManifest(text, 'm'))).toBe(text)
})
