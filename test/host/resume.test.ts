import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHash, randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host, PutOptions } from '../../lib/host/host.ts'
import { type SshConnection, sshConnection } from '../../lib/host/ssh.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { type Sshd, sshdPath, startSshd } from './sshd.ts'

const mebibyte = 1024 * 1024
const content = randomBytes(24 * mebibyte)
const sha256 = createHash('sha256').update(content).digest('hex')

let sshd: Sshd
let connection: SshConnection
let folder: string
let path: string
let source: string
beforeEach(async () => {
  sshd = await startSshd()
  const target = sshd.target()
  connection = sshConnection({ name: 'node', target, hostKeys: target.hostKeys as never })
  folder = join(sshd.folder, 'pieces')
  path = join(folder, 'piece')
  source = join(sshd.folder, 'source')
  mkdirSync(folder)
  writeFileSync(source, content)
})
afterEach(async () => {
  await connection.close()
  await sshd.stop()
})

const part = () => join(folder, '.kedge-piece.part')
const bind = (signal = new AbortController().signal): Host => connection.bind({ signal, onOutput: () => {} })

/** Copies the source; `first` is how far the copy was with the first bytes that were sent, since it last began anew. */
async function put(options: PutOptions = {}, host = bind()) {
  let first: number | undefined
  let last = 0
  const onProgress = (sent: number, total: number) => {
    if (first === undefined || sent < last) first = sent
    last = sent
    options.onProgress?.(sent, total)
  }
  const failure = await host
    .put(source, path, { sha256, resumable: true, ...options, onProgress })
    .catch((error) => toFailure(error))
  return { failure, first }
}

/** Cuts the link when a third of a copy has been sent; returns how much of it stays. */
async function cutOff(): Promise<number> {
  let isCut = false
  const { failure } = await put({
    onProgress(sent) {
      if (isCut || sent <= 8 * mebibyte) return
      isCut = true
      sshd.cutConnections()
    },
  })
  expect(failure).toMatchObject({ kind: 'unreachable' })
  expect(readdirSync(folder)).toEqual(['.kedge-piece.part'])
  // What was on its way still arrives, until the far end has noticed.
  await Bun.spawn(['flock', part(), 'true']).exited
  return statSync(part()).size
}

const expectWhole = () => {
  expect(readdirSync(folder)).toEqual(['piece'])
  expect(readFileSync(path).equals(content)).toBe(true)
}

describe.skipIf(!sshdPath)('a copy over SSH that goes on where one before it stopped', () => {
  test('after a lost link: only the rest is sent, the sum is made over all', async () => {
    const arrived = await cutOff()
    expect(arrived).toBeGreaterThan(0)
    expect(arrived).toBeLessThan(content.length)
    const { failure, first } = await put({ mode: 0o600 })
    expect(failure).toBeUndefined()
    expect(first).toBe(Math.min(arrived + 256 * 1024, content.length))
    expectWhole()
    expect((statSync(path).mode & 0o777).toString(8)).toBe('600')
  })

  test('of a part of a file', async () => {
    writeFileSync(source, Buffer.concat([Buffer.alloc(5000), content, Buffer.alloc(5000)]))
    writeFileSync(part(), content.subarray(0, 3_000_001))
    const { failure, first } = await put({ range: { offset: 5000, sizeBytes: content.length } })
    expect({ failure, first }).toEqual({ failure: undefined, first: 3_000_001 + 256 * 1024 })
    expectWhole()
  })

  test.each([
    ['is all there', () => content, undefined],
    ['is longer', () => Buffer.concat([content, content]), 256 * 1024],
    ['has other content', () => Buffer.alloc(5000), 256 * 1024],
    ['is all there with other content', () => Buffer.alloc(content.length), 256 * 1024],
  ])('where what has arrived %s', async (_, arrived, expected) => {
    writeFileSync(part(), arrived())
    expect(await put()).toEqual({ failure: undefined, first: expected as never })
    expectWhole()
  })

  test('a source that changed gets no name, whatever had arrived of it, and nothing is left for the next copy', async () => {
    writeFileSync(part(), content.subarray(0, 5000))
    appendFileSync(source, '!')
    const { failure } = await put()
    expect(failure).toMatchObject({ kind: 'bundle', message: expect.stringContaining('sha256') })
    expect(readdirSync(folder)).toEqual([])
  })

  test('two at once do not mix their bytes', async () => {
    const both = await Promise.all([put(), put()])
    expect(both.map(({ failure }) => failure)).toEqual([undefined, undefined])
    expectWhole()
  })

  test('one that never ends is not waited for', async () => {
    writeFileSync(part(), content.subarray(0, 5000))
    const holder = Bun.spawn(['flock', '--no-fork', part(), 'sleep', '1000'])
    try {
      expect((await put()).failure).toBeUndefined()
      expect(readFileSync(path).equals(content)).toBe(true)
    } finally {
      holder.kill('SIGKILL')
      await holder.exited
    }
  })

  test('what others left for more than a day goes, and nothing else', async () => {
    const names = ['.kedge-old.part', '.kedge-new.part', 'old', '.kedge-folder']
    for (const name of names.slice(0, 3)) writeFileSync(join(folder, name), name)
    mkdirSync(join(folder, '.kedge-folder'))
    const longAgo = Date.now() / 1000 - 25 * 3600
    for (const name of names) if (name !== '.kedge-new.part') utimesSync(join(folder, name), longAgo, longAgo)
    writeFileSync(part(), content.subarray(0, 5000))
    utimesSync(part(), longAgo, longAgo)
    expect(await put()).toEqual({ failure: undefined, first: 5000 + 256 * 1024 })
    expect(readdirSync(folder).sort()).toEqual(['.kedge-folder', '.kedge-new.part', 'old', 'piece'])
  })
})
