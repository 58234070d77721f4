import { expect, test } from 'bun:test'
import { Ajv } from 'ajv'
import { topologySchema } from '../../lib/topology/schema.ts'

type Part = {
  readonly description?: string
  readonly additionalProperties?: boolean | Part
  readonly properties?: Readonly<Record<string, Part>>
  readonly items?: Part
  readonly examples?: readonly unknown[]
  readonly default?: unknown
}

const published: Part = JSON.parse(JSON.stringify(topologySchema))

/** Every part of the schema with its path, as an editor would come to it. */
function* parts(part: Part, path: string): Iterable<readonly [path: string, part: Part]> {
  yield [path, part]
  for (const [key, inner] of Object.entries(part.properties ?? {})) yield* parts(inner, `${path}.${key}`)
  if (typeof part.additionalProperties === 'object') yield* parts(part.additionalProperties, `${path}.*`)
  if (part.items) yield* parts(part.items, `${path}[]`)
}

const all = [...parts(published, 'file')]

test('every key has a description', () => {
  const silent = all.filter(([path, { description }]) => !description && !/\.on\[\]$/.test(path)).map(([path]) => path)
  expect(silent).toEqual([])
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
