import { afterEach, beforeEach, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Download, download } from '../../lib/bundle/download.ts'
import type { Web } from '../../lib/bundle/web.ts'
import { TaskError } from '../../lib/event/failure.ts'
import { type FileServer, madeBytes, serveFiles } from './file-server.ts'
import { temporaryFolder } from './make-bundle.ts'

const web: Web = { env: {}, stallSeconds: 20, attempts: 4, pauseSeconds: 0.01 }
const never = new AbortController().signal
const content = madeBytes(200_000)
const hexOf = (bytes: Uint8Array, algorithm = 'sha256') => createHash(algorithm).update(bytes).digest('hex')
const sum = { algorithm: 'sha256', hex: hexOf(content) } as const

let server: FileServer
let folder: string
beforeEach(async () => {
  server = await serveFiles()
  server.files.set('/file', content)
  folder = temporaryFolder()
})
afterEach(() => server.close())

const wanted = (more: Partial<Download> = {}): Download => ({
  url: `${server.url}/file`,
  path: join(folder, 'whole'),
  part: join(folder, 'growing'),
  checksum: sum,
  ...more,
})

/** What came of it: the failure, or the bytes under the file's name. */
async function outcome(asked: Download, how: Web = web, signal = never) {
  const error = await download(asked, how, signal).catch((thrown) => thrown)
  if (error instanceof TaskError) return error.failure
  if (error) throw error
  return Buffer.from(readFileSync(asked.path)).equals(Buffer.from(content)) ? 'right' : 'wrong'
}

const ranges = () => server.requests.map(({ headers }) => headers.range ?? 'all')

test('a file has its name when it is whole, and nothing else is left', async () => {
  const told: (number | undefined)[] = []
  const asked = wanted({ onProgress: (done, total) => told.push(done, total) })
  expect(await outcome(asked)).toBe('right')
  expect(readdirSync(folder)).toEqual(['whole'])
  expect(told.slice(0, 2)).toEqual([0, content.length])
  expect(told.slice(-2)).toEqual([content.length, content.length])
})

test('a sha512 is checked as well', async () => {
  expect(await outcome(wanted({ checksum: { algorithm: 'sha512', hex: hexOf(content, 'sha512') } }))).toBe('right')
  const wrong = await outcome(
    wanted({ checksum: { algorithm: 'sha512', hex: hexOf(content, 'sha512').replace(/^./, 'x') } }),
  )
  expect(wrong).toMatchObject({ kind: 'bundle' })
})

test('a transfer that is cut goes on from where it was', async () => {
  let cuts = 0
  server.intercept = (_request, usual) => (cuts++ < 3 ? { ...usual, cutAt: 50_000 } : usual)
  expect(await outcome(wanted())).toBe('right')
  expect(ranges()).toEqual(['all', 'bytes=50000-', 'bytes=100000-', 'bytes=150000-'])
  expect(server.sentBytes).toBe(content.length)
})

test('a transfer that is always cut at the same place ends, and is told', async () => {
  server.intercept = (_request, usual) => ({ ...usual, status: 200, body: content, cutAt: 1000 })
  expect(await outcome(wanted())).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('cut') })
  expect(existsSync(join(folder, 'whole'))).toBe(false)
  // One brought something new, and those before and after it nothing: what a cut leaves unread is not had.
  expect(server.requests.length).toBeGreaterThan(web.attempts)
  expect(server.requests.length).toBeLessThanOrEqual(web.attempts * 2)
})

test('what an earlier process fetched is not fetched again', async () => {
  writeFileSync(join(folder, 'growing'), content.subarray(0, 120_000))
  expect(await outcome(wanted())).toBe('right')
  expect(ranges()).toEqual(['bytes=120000-'])
})

test('killed after the last byte: nothing is fetched', async () => {
  writeFileSync(join(folder, 'growing'), content)
  expect(await outcome(wanted())).toBe('right')
  expect(server.requests).toEqual([])
})

test('an earlier part that is of something else is found out at the end and begun again', async () => {
  writeFileSync(join(folder, 'growing'), madeBytes(120_000, 7))
  expect(await outcome(wanted())).toBe('right')
  expect(ranges()).toEqual(['bytes=120000-', 'all'])
})

test('an earlier part that is longer than the file is begun again', async () => {
  writeFileSync(join(folder, 'growing'), madeBytes(content.length + 5, 7))
  expect(await outcome(wanted())).toBe('right')
})

test('a file that has changed meanwhile comes whole: If-Range names what the part is of', async () => {
  server.files.set('/file', madeBytes(200_000, 9))
  server.intercept = (_request, usual) => ({ ...usual, cutAt: 70_000 })
  const stop = new AbortController()
  const asked = wanted({ onProgress: (done) => done >= 70_000 && stop.abort() })
  const stopped = await download(asked, web, stop.signal).catch((error) => error)
  expect(stopped).toBe(stop.signal.reason)
  server.intercept = undefined
  server.files.set('/file', content)
  server.requests.length = 0
  expect(await outcome(wanted())).toBe('right')
  expect(ranges()).toEqual(['bytes=70000-'])
})

test('without a checksum an earlier part is not trusted', async () => {
  writeFileSync(join(folder, 'growing'), madeBytes(120_000, 7))
  const { checksum: _, ...unchecked } = wanted()
  expect(await outcome(unchecked)).toBe('right')
  expect(ranges()).toEqual(['all'])
})

test('a server that refuses ranges sends it from the start', async () => {
  writeFileSync(join(folder, 'growing'), content.subarray(0, 120_000))
  server.intercept = () => ({ body: content })
  expect(await outcome(wanted())).toBe('right')
})

test('a server that answers 416 to any range, or with another range, is asked for the whole', async () => {
  for (const bad of [
    { status: 416, headers: { 'content-range': 'bytes */5' } },
    { status: 416 },
    { status: 206, headers: { 'content-range': 'bytes 0-9/200000' }, body: content.subarray(0, 10) },
  ]) {
    writeFileSync(join(folder, 'growing'), content.subarray(0, 120_000))
    server.intercept = ({ headers }, usual) => (headers.range ? bad : usual)
    expect(await outcome(wanted())).toBe('right')
  }
})

test('a wrong checksum: no name, nothing kept, not tried again', async () => {
  server.files.set('/file', madeBytes(1000, 3))
  expect(await outcome(wanted())).toMatchObject({
    kind: 'bundle',
    message: `${server.url}/file has sha256 ${hexOf(madeBytes(1000, 3))}, and should have ${sum.hex}`,
  })
  expect(readdirSync(folder)).toEqual([])
  expect(server.requests.length).toBe(1)
})

test('fewer bytes than announced, by a clean end, are not taken for all', async () => {
  let first = true
  server.intercept = (_request, usual) => {
    if (!first) return usual
    first = false
    return { ...usual, isChunked: true, headers: { ...usual.headers }, cutAt: 10 }
  }
  const { checksum: _, ...unchecked } = wanted()
  expect(await outcome(unchecked)).toBe('right')
})

test('404 is final and named', async () => {
  expect(await outcome(wanted({ url: `${server.url}/nowhere` }))).toMatchObject({
    kind: 'unreachable',
    message: `${server.url}/nowhere: the server answered 404`,
    isFinal: true,
  })
  expect(server.requests.length).toBe(1)
})

test('5xx and 429 are tried again, a bounded number of times', async () => {
  const answers = [503, 429, 500]
  server.intercept = (_request, usual) => {
    const status = answers.shift()
    return status ? { status } : usual
  }
  expect(await outcome(wanted())).toBe('right')
  server.intercept = () => ({ status: 503 })
  server.requests.length = 0
  expect(await outcome(wanted())).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('503') })
  expect(server.requests.length).toBe(web.attempts)
})

test('a connection that is refused is tried again and named', async () => {
  const { url } = server
  await server.close()
  expect(await outcome(wanted({ url: `${url}/file` }))).toMatchObject({
    kind: 'unreachable',
    message: `${url}/file: the connection was refused`,
  })
  server = await serveFiles()
})

test('a transfer that stalls is begun again', async () => {
  let stalls = 0
  server.intercept = (_request, usual) => (stalls++ < 1 ? { ...usual, stallAt: 30_000 } : usual)
  expect(await outcome(wanted(), { ...web, stallSeconds: 0.3 })).toBe('right')
  expect(ranges()).toEqual(['all', 'bytes=30000-'])
})

test('a server that never answers is given up', async () => {
  server.intercept = () => new Promise(() => {})
  expect(await outcome(wanted(), { ...web, attempts: 2, stallSeconds: 0.2 })).toMatchObject({
    kind: 'unreachable',
    message: `${server.url}/file: nothing arrived for 0.2 s`,
  })
})

test('redirects are followed, to another path or server', async () => {
  const other = await serveFiles()
  try {
    other.files.set('/there', content)
    server.intercept = ({ target }, usual) =>
      target === '/file'
        ? { status: 302, headers: { location: '/next' } }
        : target === '/next'
          ? { status: 307, headers: { location: `${other.url}/there` } }
          : usual
    expect(await outcome(wanted())).toBe('right')
  } finally {
    await other.close()
  }
})

test('redirects in a circle end, and are told', async () => {
  server.intercept = () => ({ status: 302, headers: { location: '/file' } })
  expect(await outcome(wanted())).toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining('was redirected 10 times'),
    isFinal: true,
  })
  expect(server.requests.length).toBe(11)
})

test('a redirect to a file of this machine is refused', async () => {
  server.intercept = () => ({ status: 302, headers: { location: 'file:///etc/shadow' } })
  expect(await outcome(wanted())).toMatchObject({ message: expect.stringContaining('no web address'), isFinal: true })
})

test('a stop leaves a part that goes on', async () => {
  server.intercept = (_request, usual) => ({ ...usual, stallAt: 90_000 })
  const stop = new AbortController()
  const asked = wanted({ onProgress: (done) => done >= 90_000 && stop.abort() })
  expect(await download(asked, web, stop.signal).catch((error) => error)).toBe(stop.signal.reason)
  server.intercept = undefined
  expect(await outcome(wanted())).toBe('right')
  expect(ranges()).toEqual(['all', 'bytes=90000-'])
})
