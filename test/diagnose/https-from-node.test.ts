import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { edgeFacts } from '../../lib/diagnose/edge-facts.ts'
import { certificateSeenFrom, getFromNode, type TlsTool, tlsTools } from '../../lib/diagnose/https-from-node.ts'
import { clockOffset, offsetInWords } from '../../lib/host/clock-offset.ts'
import type { Host } from '../../lib/host/host.ts'
import { localConnection } from '../../lib/host/local.ts'
import { silentPorts } from '../../lib/kubeedge/silent-ports.ts'
import { makePki } from '../kubeedge/make-pki.ts'
import { failureOf } from '../tasks/context.ts'

/** The questions in a real shell, with the real tools, against a server that speaks TLS as CloudCore does. */
const pki = makePki(['127.0.0.1'])
let server: ReturnType<typeof Bun.serve>
let host: Host
let endpoint: { address: string; port: number }
beforeAll(() => {
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    tls: { cert: pki.serverPem, key: pki.serverKey },
    fetch: ({ url }) =>
      url.endsWith('/ca.crt') ? new Response(pki.caDer) : new Response('Node not found', { status: 404 }),
  })
  endpoint = { address: '127.0.0.1', port: server.port as number }
  host = localConnection('edge-1').bind({ signal: new AbortController().signal, onOutput: () => {} })
})
afterAll(() => server.stop(true))

const here = (['curl', 'openssl', 'python3'] as const).filter((tool) => Bun.which(tool))

describe.each(here.map((tool) => [tool] as const))('with %s', (tool: TlsTool) => {
  test('a body of bytes arrives as it is, and a status with it', async () => {
    const ca = await getFromNode(host, [tool], endpoint, '/ca.crt')
    expect({ status: ca?.status, same: ca?.body.equals(pki.caDer) }).toEqual({ status: 200, same: true })
    expect((await getFromNode(host, [tool], endpoint, '/node/edge-1'))?.status).toBe(404)
  })
  test('nobody there is a failure, not an answer', async () => {
    expect(await failureOf(getFromNode(host, [tool], { ...endpoint, port: 1 }, '/ca.crt'))).toMatch(/^command: /)
  })
  test.if(tool !== 'curl')('the certificate that the server shows', async () => {
    const pem = await certificateSeenFrom(host, [tool], endpoint)
    expect(new X509Certificate(pem ?? '').checkIP('127.0.0.1')).toBe('127.0.0.1')
  })
})

test('which tools there are', async () => expect(await tlsTools(host)).toEqual(here))

test('what an edge says of itself: this machine has joined nothing', async () => {
  const facts = await edgeFacts(host, '127.0.0.1')
  expect(facts).toMatchObject({ hasCertificates: false, cgroupDriver: '', leftovers: [] })
  if (Bun.which('ip')) expect(facts.route).toEqual({ found: true, text: 'dev lo src 127.0.0.1' })
})

test('ports: one that answers, one that refuses', async () => {
  expect(await silentPorts(host, ['127.0.0.1'], [endpoint.port, 1])).toEqual([
    { target: '127.0.0.1:1', how: 'refused' },
  ])
})

test('this machine is on its own time', async () => {
  const offset = await clockOffset(host, Date.now)
  expect(Math.abs(offset.seconds)).toBeLessThan(offset.error + 1)
})

test.each([
  [0.04, 0.01, '0 s'],
  [-0.31, 0.01, '-0.3 s'],
  [0.31, 2, '0 s'],
  [61.4, 0.01, '+61 s'],
  [-9.96, 0.01, '-10.0 s'],
])('%d s with an error of %d s is %s', (seconds, error, words) => expect(offsetInWords({ seconds, error })).toBe(words))
