import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { labSchema } from '../../lib/cli/lab-schema.ts'
import { tasks } from '../../tasks/index.ts'
import { fixtures } from '../topology/fixtures.ts'
import { startLanguageServer } from './yaml-language-server.ts'

// The server is a large program, and the machine may be busy.
setDefaultTimeout(120_000)

const root = join(import.meta.dir, '../..')
const modeline = '# yaml-language-server: $schema=./kedge.schema.json\n'
const reference = readFileSync(join(root, 'kedge.config.yaml'), 'utf8')

describe('with the published schema beside the file, the YAML language server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-schema-'))
  let editor: Awaited<ReturnType<typeof startLanguageServer>>

  beforeAll(async () => {
    const kedge = Bun.spawnSync([process.execPath, join(root, 'lib/cli/main.ts'), 'schema'], { cwd: folder })
    writeFileSync(join(folder, 'kedge.schema.json'), kedge.stdout)
    editor = await startLanguageServer(folder)
  })
  afterAll(async () => {
    await editor?.close()
    rmSync(folder, { recursive: true })
  })

  test.each([
    ['at the top', 'version: 1\n▮\n', ['lab', 'hypervisor', 'networks', 'nodes', 'kubeedge', 'bundle', 'tasks']],
    ['inside hypervisor', 'hypervisor:\n  ▮\n', ['uri', 'accelerator', 'storage']],
    ['inside a node', 'nodes:\n  edge-1:\n    role: edge\n    ▮\n', ['networks', 'cpus', 'labels', 'ssh', 'cloudcore']],
    ['for an accelerator', 'hypervisor:\n  accelerator: ▮\n', ['auto', 'kvm', 'tcg']],
    ['for a role', 'nodes:\n  edge-1:\n    role: ▮\n', ['control-plane', 'worker', 'edge']],
    ['for the names of tasks', 'tasks:\n  ▮\n', Object.keys(tasks)],
    ['inside a built-in task', 'tasks:\n  join-edge:\n    ▮\n', ['timeout', 'retries', 'needs']],
    ['inside an own task', 'tasks:\n  my-own:\n    ▮\n', ['on', 'sh', 'check']],
  ])('offers, %s, what can stand there', async (_, text, expected) => {
    expect(await editor.completion(modeline + text)).toEqual(expect.arrayContaining(expected))
  })

  test('offers nothing that cannot stand there', async () => {
    expect(await editor.completion(`${modeline}hypervisor:\n  ▮\n`)).not.toContain('role')
    expect(await editor.completion(`${modeline}nodes:\n  a:\n    role: edge\n    ▮\n`)).not.toContain('role')
  })

  test.each([
    [
      'a key',
      'kubeedge: { proto▮col: quic }\n',
      /How edges talk to CloudCore: `websocket` on TCP 10000[\s\S]*Default: `websocket`/,
    ],
    ['a key without a default', 'bun▮dle: ./bundle\n', /Without it[\s\S]*\.\/bundle/],
    ['a node', 'nodes:\n  ed▮ge-1: { role: edge }\n', /A VM, or with `ssh` a machine that exists already/],
    ['a built-in task', 'tasks:\n  disable-▮swap: null\n', /Turn swap off[\s\S]*Done where no swap is on/],
    ["a task's timeout", 'tasks: { verify: { time▮out: 20m } }\n', /How long one attempt may take[\s\S]*1h30m/],
  ])('shows, over %s, what it is', async (_, text, expected) => {
    expect(await editor.hover(modeline + text)).toMatch(expected)
  })

  test.each([
    ['a misspelt key', 'nodes:\n  a: { role: edge, lables: {} }\n', ['5: Property lables is not allowed.']],
    ['a wrong type', 'machine:\n  cpus: two\n', ['5: Incorrect type. Expected "integer".']],
    [
      'a wrong value',
      'runtime: { name: docker }\n',
      ['4: Value is not accepted. Valid values: "containerd", "cri-o".'],
    ],
    [
      'a wrong type in a built-in task',
      'tasks:\n  verify: { retries: lots }\n',
      ['5: Incorrect type. Expected "integer".'],
    ],
  ])('underlines %s, and nothing else', async (_, text, expected) => {
    expect(await editor.diagnostics(`${modeline}version: 1\nlab: bench\n${text}`)).toEqual(expected)
  })

  test('underlines nothing in the reference lab and in the example labs', async () => {
    const examples = [...new Bun.Glob('docs/examples/*/*.yaml').scanSync(root)].map((file) => join(root, file))
    for (const file of examples.filter((path) => existsSync(path))) {
      const text = readFileSync(file, 'utf8')
      // Manifests of Kubernetes may lie beside a lab file.
      if (!/^lab:/m.test(text)) continue
      expect({ file, complaints: await editor.diagnostics(modeline + text) }).toEqual({ file, complaints: [] })
    }
    expect(await editor.diagnostics(reference)).toEqual([])
  })
})

test('the published schema takes every valid file, and no built-in task with a key of the wrong type', () => {
  const check = new Ajv({ strict: false }).compile(labSchema)
  const valid = [...fixtures('valid'), { name: 'reference', text: reference }]
  expect(valid.length).toBeGreaterThan(10)
  for (const { name, text } of valid)
    expect({ name, fits: check(parse(text, { merge: true })) }).toEqual({ name, fits: true })
  expect(check({ version: 1, lab: 'a', tasks: { verify: { retries: 'lots' } } })).toBe(false)
})
