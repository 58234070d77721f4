import { describe, expect, test } from 'bun:test'
import { Ajv } from 'ajv'
import { manifestSchema } from '../../lib/bundle/manifest-schema.ts'
import { topologySchema } from '../../lib/topology/schema.ts'

type Part = {
  readonly description?: string
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Part
  readonly properties?: Readonly<Record<string, Part>>
  readonly items?: Part
  readonly examples?: readonly unknown[]
  readonly default?: unknown
}

const published: Part = JSON.parse(JSON.stringify(topologySchema))
const ofBundle: Part = JSON.parse(JSON.stringify(manifestSchema))

/** A part of the schema, and where it stands, as an editor would come to it: `.*` and `[]` are entries, not keys. */
type Place = { readonly path: string; readonly part: Part; readonly isRequired: boolean }

function* places(part: Part, path: string, isRequired = true): Iterable<Place> {
  yield { path, part, isRequired }
  for (const [key, inner] of Object.entries(part.properties ?? {}))
    yield* places(inner, `${path}.${key}`, part.required?.includes(key) ?? false)
  if (typeof part.additionalProperties === 'object') yield* places(part.additionalProperties, `${path}.*`)
  if (part.items) yield* places(part.items, `${path}[]`)
}

const keysOf = (schema: Part) => [...places(schema, 'file')].filter(({ path }) => path !== 'file')
const all = [...places(published, 'file')].map(({ path, part }) => [path, part] as const)

describe.each([
  ['lab file', keysOf(published)],
  ["bundle's manifest", keysOf(ofBundle)],
])('in the schema of a %s', (_, keys) => {
  test('every key, and every entry of a list or a map, has a description that is a sentence', () => {
    const wrong = keys.filter(({ part }) => !/^[A-Z`].*\.$/.test(part.description ?? ''))
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  test('every key has an example', () => {
    expect(keys.filter(({ part }) => !part.examples?.length).map(({ path }) => path)).toEqual([])
  })

  test('every key has a default, or says what holds without it', () => {
    const isTold = ({ path, part, isRequired }: Place) =>
      part.default !== undefined ||
      /(\.\*|\[\])$/.test(path) ||
      (isRequired ? true : /\b(without it|by default)\b/i.test(part.description ?? ''))
    expect(keys.filter((key) => !isTold(key)).map(({ path }) => path)).toEqual([])
  })
})

test('a key of the lab file that must be there says so', () => {
  const silent = keysOf(published).filter(
    ({ path, part, isRequired }) =>
      isRequired && !/(\.\*|\[\])$/.test(path) && !/\brequired\b/i.test(part.description ?? ''),
  )
  expect(silent.map(({ path }) => path)).toEqual([])
})

test('no mapping lets an unknown key through', () => {
  const open = all.filter(([, part]) => part.properties && part.additionalProperties !== false).map(([path]) => path)
  expect(open).toEqual([])
})

test('every example and every default fits the key that it is given for', () => {
  const ajv = new Ajv({ strict: true, allowUnionTypes: true })
  for (const [path, part] of all) {
    const values = [...(part.examples ?? []), ...(part.default === undefined ? [] : [part.default])]
    for (const value of values)
      expect({ path, value, fits: ajv.validate(part, value) }).toEqual({ path, value, fits: true })
  }
}, 60_000)

test('the schema says which JSON Schema it is', () => {
  expect(published).toMatchObject({ $schema: 'http://json-schema.org/draft-07/schema#' })
})
