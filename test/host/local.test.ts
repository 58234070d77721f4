import { expect, test } from 'bun:test'
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
