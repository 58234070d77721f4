import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { validator, validatorModule } from '../../build/validator.ts'
import type * as FromSource from '../../lib/topology/load-topology.ts'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import { topologySchema } from '../../lib/topology/schema.ts'
import { fixtures } from '../topology/fixtures.ts'
import { base, known } from '../topology/known.ts'

// Building and two hundred loads: a busy machine may take its time.
setDefaultTimeout(300_000)

describe('the loader as it is built into the executable', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-validator-'))
  const output = join(folder, 'load-topology.js')
  let built: typeof FromSource

  beforeAll(async () => {
    await Bun.build({
      entrypoints: [join(import.meta.dir, '../../lib/topology/load-topology.ts')],
      target: 'bun',
      outdir: folder,
      plugins: [validator],
    })
    built = await import(output)
  }, 300_000)
  afterAll(() => rmSync(folder, { recursive: true }))

  test('finds the same in every fixture as the loader run from source', () => {
    const texts = [...fixtures('valid'), ...fixtures('invalid'), { name: 'reference', text: base }]
    expect(texts.length).toBeGreaterThan(100)
    for (const { name, text } of texts) {
      expect(built.loadTopology(text, name, known)).toEqual(loadTopology(text, name, known))
    }
  })

  test('carries neither ajv nor typebox', () => {
    const code = readFileSync(output, 'utf8')
    expect(code).not.toMatch(/node_modules\/(ajv|typebox)\//)
    expect(code).toContain('node_modules/yaml/')
  })
})

test('what only editors read is not carried into it', () => {
  const code = validatorModule()
  expect(JSON.stringify(topologySchema.properties.lab)).toContain('state folder')
  expect(code).not.toContain('state folder')
  expect(code).not.toMatch(/"(description|default)":/)
})

test('the generated module needs no other', () => {
  expect(new Bun.Transpiler({ loader: 'js' }).scanImports(validatorModule())).toEqual([])
})
