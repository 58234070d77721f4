import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { architectureIn, archiveNames } from '../../lib/bundle/architecture-in.ts'
import { parseImageReference, pullAddress } from '../../lib/bundle/image-reference.ts'
import { inspectImage, pullImage } from '../../lib/bundle/pull-image.ts'
import type { Puller } from '../../lib/bundle/skopeo.ts'
import { localConnection } from '../../lib/host/local.ts'
import { failureOf } from '../host/failure-of.ts'
import { type FileServer, madeBytes, serveFiles } from './file-server.ts'
import { temporaryFolder } from './make-bundle.ts'
import { type Registry, startRegistry } from './registry.ts'

const connection = localConnection()
const web = { env: {}, stallSeconds: 20, attempts: 2, pauseSeconds: 0.01 }
let registry: Registry
let broken: FileServer | undefined
let digest: string
beforeAll(async () => {
  registry = await startRegistry()
  digest = await registry.push('kubeedge/pause', '3.6', { architectures: ['amd64', 'arm64'] })
})
afterEach(async () => {
  await broken?.close()
  broken = undefined
})
afterAll(async () => {
  await registry.close()
  await connection.close()
})

function puller(more: Partial<Puller> & { env?: Record<string, string>; mirror?: string } = {}): Puller {
  const { env, mirror = `http://${registry.address}`, ...rest } = more
  const signal = rest.signal ?? new AbortController().signal
  const host = connection.bind({ signal, onOutput: () => {}, ...(env ? { env } : {}) })
  return { $: host.$, web, registries: { 'docker.io': mirror }, signal, ...rest }
}

const name = 'docker.io/kubeedge/pause:3.6'

test('an image for each machine comes as a docker-archive under its own name, by the digest of the registry', async () => {
  const folder = temporaryFolder()
  for (const architecture of ['amd64', 'arm64'] as const) {
    const image = await inspectImage(name, architecture, puller())
    expect(image).toMatchObject({ digest, source: `${registry.address}/kubeedge/pause@${digest}` })
    expect(image.sizeBytes).toBeGreaterThan(100)
    const path = join(folder, architecture)
    await pullImage({ names: [name], architecture, image, path, scratch: join(folder, 'scratch') }, puller())
    expect(architectureIn(path, 'image')).toBe(architecture)
    expect(archiveNames(path)).toEqual([name])
  }
  expect(readdirSync(folder).sort()).toEqual(['amd64', 'arm64'])
})

test('one image can have several names', async () => {
  const folder = temporaryFolder()
  const image = await inspectImage(name, 'amd64', puller())
  const names = [name, 'docker.io/library/pause:latest']
  const path = join(folder, 'image')
  await pullImage({ names, architecture: 'amd64', image, path, scratch: join(folder, 'scratch') }, puller())
  expect([...archiveNames(path)].sort()).toEqual([...names].sort())
})

test('a digest can be asked for, alone or with a tag', async () => {
  for (const asked of [`docker.io/kubeedge/pause@${digest}`, `kubeedge/pause:3.6@${digest}`])
    expect(await inspectImage(asked, 'amd64', puller())).toMatchObject({ digest })
})

test('an image that is there for another machine only is named, in a list and alone', async () => {
  await registry.push('list', '1', { architectures: ['amd64'] })
  await registry.push('alone', '1', { architectures: ['amd64'], isSingle: true })
  const here = puller({ registries: { 'my.registry': `http://${registry.address}` } })
  expect(await failureOf(inspectImage('my.registry/list:1', 'arm64', here))).toMatchObject({
    kind: 'bundle',
    message: 'my.registry/list:1 is there for amd64, and not for arm64',
  })
  const folder = temporaryFolder()
  const image = await inspectImage('my.registry/alone:1', 'arm64', here)
  const pull = { names: ['my.registry/alone:1'], architecture: 'arm64' as const, image, path: join(folder, 'image') }
  expect(await failureOf(pullImage({ ...pull, scratch: join(folder, 'scratch') }, here))).toMatchObject({
    kind: 'bundle',
    message: 'my.registry/alone:1 is there for amd64, and not for arm64',
  })
  expect(readdirSync(folder)).toEqual([])
})

test('an image that does not exist is named, and not asked for again', async () => {
  expect(await failureOf(inspectImage('docker.io/kubeedge/none:1', 'amd64', puller()))).toMatchObject({
    kind: 'unreachable',
    message: expect.stringMatching(/^127.0.0.1:\d+\/kubeedge\/none:1: .*unknown/),
    isFinal: true,
  })
})

test('a registry that is not there is named', async () => {
  const nobody = puller({ mirror: 'http://127.0.0.1:1' })
  const failure = await failureOf(inspectImage(name, 'amd64', nobody))
  expect(failure.kind).toBe('unreachable')
  expect(failure.message).toMatch(/127.0.0.1:1\/.*refused/)
})

test('a registry without TLS is refused unless it was given as http://', async () => {
  expect(await failureOf(inspectImage(name, 'amd64', puller({ mirror: registry.address })))).toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining('HTTP response to HTTPS client'),
    isFinal: true,
  })
})

test('without skopeo the cure is said', async () => {
  const folder = temporaryFolder()
  symlinkSync(Bun.which('bash') ?? '', join(folder, 'bash'))
  expect(await failureOf(inspectImage(name, 'amd64', puller({ env: { PATH: folder } })))).toMatchObject({
    kind: 'refused',
    cure: expect.stringContaining('install the package skopeo'),
  })
})

test('a transfer that stalls is begun again', async () => {
  await registry.push('large', '1', { architectures: ['amd64'], isSingle: true, content: madeBytes(300_000) })
  broken = await serveFiles()
  let stalls = 0
  broken.intercept = async ({ target, headers }) => {
    const answer = await fetch(`http://${registry.address}${target}`, { headers: { accept: headers.accept ?? '*/*' } })
    const body = new Uint8Array(await answer.arrayBuffer())
    const reply = { status: answer.status, headers: { 'content-type': answer.headers.get('content-type') ?? '' }, body }
    return body.length > 100_000 && stalls++ === 0 ? { ...reply, stallAt: 100_000 } : reply
  }
  const folder = temporaryFolder()
  // On a busy machine an attempt may be taken for a stall that is none.
  const patient = puller({ registries: { 'my.registry': broken.url }, web: { ...web, stallSeconds: 2, attempts: 20 } })
  const image = await inspectImage('my.registry/large:1', 'amd64', patient)
  const path = join(folder, 'image')
  const pull = { names: ['my.registry/large:1'], architecture: 'amd64' as const, image, path }
  await pullImage({ ...pull, scratch: join(folder, 'scratch') }, patient)
  expect(stalls).toBeGreaterThan(1)
  expect(readFileSync(path).length).toBeGreaterThan(300_000)
  expect(readdirSync(folder)).toEqual(['image'])
})

test('a stop ends it at once and leaves nothing', async () => {
  broken = await serveFiles()
  broken.intercept = () => new Promise(() => {})
  const stop = new AbortController()
  const folder = temporaryFolder()
  const image = { source: `127.0.0.1:${new URL(broken.url).port}/x@${digest}`, digest, sizeBytes: 1 }
  const scratch = join(folder, 'scratch')
  const pull = { names: [name], architecture: 'amd64' as const, image, path: join(folder, 'image'), scratch }
  const pulling = pullImage(pull, puller({ mirror: broken.url, signal: stop.signal })).catch((error) => error)
  while (broken.requests.length === 0) await Bun.sleep(20)
  stop.abort()
  expect(await pulling).toBe(stop.signal.reason)
  expect(statSync(scratch, { throwIfNoEntry: false })).toBeUndefined()
})

test.each([
  ['nginx', { registry: 'docker.io', repository: 'library/nginx', tag: 'latest' }],
  ['kubeedge/pause:3.6', { registry: 'docker.io', repository: 'kubeedge/pause', tag: '3.6' }],
  ['docker.io/nginx:1', { registry: 'docker.io', repository: 'library/nginx', tag: '1' }],
  ['localhost/x', { registry: 'localhost', repository: 'x', tag: 'latest' }],
  ['a:5000/b/c:d', { registry: 'a:5000', repository: 'b/c', tag: 'd' }],
  [`quay.io/b@sha256:${'a'.repeat(64)}`, { registry: 'quay.io', repository: 'b', digest: `sha256:${'a'.repeat(64)}` }],
  ['a b', undefined],
  ['', undefined],
  ['x@sha256:12', undefined],
])('%s is taken apart', (text, reference) => {
  expect(parseImageReference(text)).toEqual(reference as never)
})

test('a mirror may have a path of its own', () => {
  const reference = parseImageReference('docker.io/kubeedge/pause:3.6')
  if (!reference) throw new Error('not a reference')
  expect(pullAddress(reference, { 'docker.io': 'http://m:5000/hub/' })).toEqual({
    repository: 'm:5000/hub/kubeedge/pause',
    isPlain: true,
  })
  expect(pullAddress(reference)).toEqual({ repository: 'docker.io/kubeedge/pause', isPlain: false })
})
