import { expect, spyOn, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Writable } from 'node:stream'
import { localConnection } from '../../lib/host/local.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { hostContract } from './contract.ts'

hostContract({ name: 'local', runsProcesses: true, open: async () => localConnection() })

const bind = (cwd?: string) =>
  localConnection().bind({ signal: new AbortController().signal, onOutput: () => {}, ...(cwd ? { cwd } : {}) })

test('children do not inherit what would turn this program into plain Bun', async () => {
  const before = { ...process.env }
  Object.assign(process.env, { BUN_OPTIONS: '', BUN_BE_BUN: '1', BASH_ENV: '/nonexistent' })
  try {
    const names = (await bind().$`env | cut -d = -f 1`).lines()
    expect(names.filter((name) => name.startsWith('BUN_') || name === 'BASH_ENV')).toEqual([])
    expect(names).toContain('PATH')
  } finally {
    for (const name of ['BUN_OPTIONS', 'BUN_BE_BUN', 'BASH_ENV']) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  }
})

test('says so when there is no such folder to run in', async () => {
  const error = await bind('/no/such/folder').$`true`.nothrow().catch((thrown) => thrown)
  expect(toFailure(error)).toMatchObject({
    kind: 'refused',
    message: 'There is no folder /no/such/folder to run commands in',
  })
})

test('what a killed kedge had half-written of a file goes when the file is written again, and nothing else does', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-local-'))
  try {
    const path = join(folder, 'file')
    const aside = (of: string, end: string) =>
      join(folder, `.kedge-${new Bun.CryptoHasher('sha256').update(of).digest('hex').slice(0, 6)}${end}`)
    const [old, fresh, another] = [aside(path, '00000a'), aside(path, '00000b'), aside(`${path}-2`, '00000c')]
    for (const name of [old, fresh, another]) writeFileSync(name, 'half')
    for (const name of [old, another]) utimesSync(name, 1, 1)
    await bind().write(path, 'whole')
    expect(readdirSync(folder).sort()).toEqual([fresh, another, path].map((name) => basename(name)).sort())
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a file is whole and on disk before it takes the old one’s place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-local-'))
  const handle = await open(folder)
  const prototype = Object.getPrototypeOf(handle) as typeof handle
  await handle.close()
  const sync = prototype.sync
  const seen: string[][] = []
  // What is there at the moment of the flush.
  const spy = spyOn(prototype, 'sync').mockImplementation(function (this: typeof handle) {
    seen.push(readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8')))
    return sync.call(this)
  })
  try {
    const path = join(folder, 'file')
    await bind().write(path, 'old')
    await bind().write(path, 'new')
    await bind().put(path, path)
    expect(seen.map((texts) => texts.sort())).toEqual([['old'], ['new', 'old'], ['new', 'new']])
    expect(readFileSync(path, 'utf8')).toBe('new')
  } finally {
    spy.mockRestore()
    rmSync(folder, { recursive: true })
  }
})

test('relative paths of files start in the folder of the binding', async () => {
  expect(await bind('/etc').read('passwd')).toContain('root:')
})

test('a pipe waits for a slow reader', async () => {
  let most = 0
  let bytes = 0
  const slow = new Writable({
    write(chunk: Buffer, _, done) {
      most = Math.max(most, slow.writableLength)
      bytes += chunk.length
      setTimeout(done, 1)
    },
  })
  await bind().$({ quiet: true })`head -c 20000000 /dev/zero`.pipe(slow)
  expect(bytes).toBe(20_000_000)
  expect(most).toBeLessThan(1024 * 1024)
})
