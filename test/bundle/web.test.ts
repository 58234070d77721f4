import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { proxyFor } from '../../lib/bundle/proxy.ts'
import { fetchSize, fetchText, type Web } from '../../lib/bundle/web.ts'
import { failureOf } from '../host/failure-of.ts'
import { type FileServer, listen, pathOf, serveFiles } from './file-server.ts'
import { temporaryFolder } from './make-bundle.ts'

const web: Web = { env: {}, stallSeconds: 20, attempts: 2, pauseSeconds: 0.01 }
const never = new AbortController().signal
let identity: { key: string; cert: string }
let plain: FileServer
let encrypted: FileServer
beforeAll(async () => {
  identity = await makeIdentity()
  plain = await serveFiles()
  encrypted = await serveFiles(identity)
  for (const server of [plain, encrypted]) server.files.set('/text', Buffer.from('hello'))
})
afterAll(async () => {
  await plain.close()
  await encrypted.close()
})

/** A certificate for 127.0.0.1 that is its own authority. */
async function makeIdentity() {
  const folder = temporaryFolder()
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const more = ['-subj', '/CN=kedge test', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', 'key', '-out', 'cert']
  const made = Bun.spawn(['openssl', ...words, ...more], { cwd: folder, stderr: 'pipe' })
  expect(await made.exited).toBe(0)
  return { key: readFileSync(join(folder, 'key'), 'utf8'), cert: readFileSync(join(folder, 'cert'), 'utf8') }
}

type Proxy = { readonly url: string; readonly asked: string[]; close(): Promise<void> }

/** Passes on requests with a whole address, and tunnels by CONNECT. */
async function startProxy(): Promise<Proxy> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((client) => {
    sockets.add(client)
    client.on('error', () => {})
    client.once('data', (chunk) => {
      const [first = '', ...rest] = chunk.toString('latin1').split('\r\n')
      const [method = '', target = ''] = first.split(' ')
      asked.push(`${method} ${target}`)
      const url = new URL(method === 'CONNECT' ? `http://${target}` : target)
      const upstream = connect(Number(url.port), url.hostname, () => {
        if (method === 'CONNECT') client.write('HTTP/1.1 200 OK\r\n\r\n')
        else upstream.write([`${method} ${url.pathname} HTTP/1.1`, ...rest].join('\r\n'))
        client.pipe(upstream).pipe(client)
      })
      sockets.add(upstream)
      upstream.on('error', () => client.destroy())
    })
  })
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('an unknown authority is refused, with the cure; --ca lets its server in', async () => {
  const url = `${encrypted.url}/text`
  expect(await failureOf(fetchText(url, web, never))).toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining('its certificate is not trusted'),
    cure: 'give its authority with --ca FILE',
    isFinal: true,
  })
  expect(await fetchText(url, { ...web, ca: identity.cert }, never)).toBe('hello')
})

test('a redirect from an encrypted server to a plain one is refused', async () => {
  encrypted.intercept = () => ({ status: 302, headers: { location: `${plain.url}/text` } })
  const failure = await failureOf(fetchText(`${encrypted.url}/text`, { ...web, ca: identity.cert }, never))
  encrypted.intercept = undefined
  expect(failure).toMatchObject({ message: expect.stringContaining('is not encrypted'), isFinal: true })
})

test('a proxy is used for both kinds of address, and passed by where NO_PROXY says so', async () => {
  const proxy = await startProxy()
  try {
    const through = { ...web, ca: identity.cert, env: { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url } }
    expect(await fetchText(`${plain.url}/text`, through, never)).toBe('hello')
    expect(await fetchText(`${encrypted.url}/text`, through, never)).toBe('hello')
    expect(proxy.asked).toEqual([`GET ${plain.url}/text`, `CONNECT ${new URL(encrypted.url).host}`])
    proxy.asked.length = 0
    const besides = { ...through, env: { ...through.env, NO_PROXY: 'example.com,127.0.0.1' } }
    expect(await fetchText(`${plain.url}/text`, besides, never)).toBe('hello')
    expect(proxy.asked).toEqual([])
  } finally {
    await proxy.close()
  }
})

test('a proxy that is not there is named, its password is not', async () => {
  const env = { http_proxy: 'http://me:hunter2@127.0.0.1:1' }
  const failure = await failureOf(fetchText(`${plain.url}/text`, { ...web, env }, never))
  expect(failure.message).toContain('through http://***@127.0.0.1:1')
  expect(JSON.stringify(failure)).not.toContain('hunter2')
})

test('the size is had without the content; undefined where the server does not say', async () => {
  expect(await fetchSize(`${plain.url}/text`, web, never)).toBe(5)
  plain.intercept = (_request, usual) => ({ ...usual, isChunked: true })
  expect(await fetchSize(`${plain.url}/text`, web, never)).toBeUndefined()
  plain.intercept = undefined
  expect(plain.requests.filter(({ method }) => method === 'HEAD').map(pathOf)).toEqual(['/text', '/text'])
})

test('a text without an end is not taken in', async () => {
  plain.intercept = () => ({ body: new Uint8Array(5 * 1024 * 1024) })
  const failure = await failureOf(fetchText(`${plain.url}/text`, web, never))
  plain.intercept = undefined
  expect(failure.message).toContain('larger than a text may be')
})

test.each([
  ['http://a.example/x', { http_proxy: 'http://p:1' }, 'http://p:1'],
  ['https://a.example/x', { http_proxy: 'http://p:1' }, undefined],
  ['https://a.example/x', { HTTPS_PROXY: 'p:1' }, 'http://p:1'],
  ['https://a.example/x', { ALL_PROXY: 'http://p:1' }, 'http://p:1'],
  ['http://a.example/x', { http_proxy: 'http://p:1', no_proxy: '*' }, undefined],
  ['http://a.example/x', { http_proxy: 'http://p:1', no_proxy: 'b.example, .example' }, undefined],
  ['http://a.example/x', { http_proxy: 'http://p:1', NO_PROXY: 'example' }, undefined],
  ['http://notexample/x', { http_proxy: 'http://p:1', NO_PROXY: 'example' }, 'http://p:1'],
  ['http://a.example:81/x', { http_proxy: 'http://p:1', NO_PROXY: 'a.example:80' }, 'http://p:1'],
  ['http://a.example/x', { http_proxy: 'http://p:1', NO_PROXY: 'a.example:80' }, undefined],
  ['http://a.example/x', { http_proxy: '', HTTP_PROXY: '' }, undefined],
])('%s with %o goes through %s', (url, env, proxy) => {
  expect(proxyFor(url, env)).toBe(proxy as string)
})
