import { afterAll, afterEach, beforeEach, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { archiveNames } from '../../lib/bundle/architecture-in.ts'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { type Creation, createBundle, planCreation } from '../../lib/bundle/create-bundle.ts'
import { shelfOf } from '../../lib/bundle/on-disk.ts'
import { createProgress } from '../../lib/bundle/progress.ts'
import type { Wanted } from '../../lib/bundle/wanted.ts'
import { localConnection } from '../../lib/host/local.ts'
import { makeDockerArchive } from '../lab/docker-archive.ts'
import { type FileServer, pathOf, serveFiles } from './file-server.ts'
import { makeBundle, temporaryFolder } from './make-bundle.ts'
import { makePackages, mirrorsAt, programBytes, publish, wanted } from './published.ts'
import { type Registry, startRegistry } from './registry.ts'

const connection = localConnection()
let registry: Registry | undefined
let server: FileServer
let folder: string
beforeEach(async () => {
  server = await serveFiles()
  folder = temporaryFolder()
})
afterEach(async () => {
  await server.close()
  await registry?.close()
  registry = undefined
})
afterAll(() => connection.close())

const kubeadm = wanted({ name: 'kubeadm' })
const kubelet = wanted({ name: 'kubelet' })
const kubectl = wanted({ name: 'kubectl' })
const keadm = wanted({ name: 'keadm', version: '1.23.1' })
const crictl = wanted({ name: 'crictl', version: '1.32.0' })
const k3s = wanted({ name: 'k3s', version: '1.32.1+k3s1' })
const base = wanted({ name: 'base', kind: 'vm-image', version: '12' })
const network = wanted({ name: 'pod-network', kind: 'manifest', version: '9.9.9', architecture: 'all' })
const programs = [kubeadm, kubelet, kubectl]

function creation(list: readonly Wanted[], more: Partial<Creation> & { from?: readonly string[] } = {}): Creation {
  const { from = [], ...rest } = more
  const signal = rest.signal ?? new AbortController().signal
  return {
    output: join(folder, 'out'),
    isFolder: false,
    wanted: list,
    shelf: shelfOf(from, (text) => void said.push(text)),
    mirrors: mirrorsAt(server.url),
    registries: registry
      ? { 'docker.io': `http://${registry.address}`, 'my.registry': `http://${registry.address}` }
      : {},
    web: { env: {}, stallSeconds: 20, attempts: 2, pauseSeconds: 0.01 },
    jobs: 4,
    host: connection.bind({ signal, onOutput: () => {} }),
    signal,
    progress: createProgress(),
    pins: () => undefined,
    say: (text) => void said.push(text),
    ...rest,
  }
}
const said: string[] = []
beforeEach(() => void said.splice(0))

const output = () => join(folder, 'out')
const hexOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
/** Whole transfers of content, by path. */
const fetchedPaths = () =>
  server.requests.flatMap((request) => (request.method === 'GET' ? [pathOf(request)] : [])).sort()

function contentIn(bundle: string, { name, architecture }: Wanted): Buffer {
  const piece = openBundle(bundle).pieces.find((each) => each.name === name && each.architecture === architecture)
  if (!piece) throw new Error(`no ${name} for ${architecture}`)
  const { path, offset = 0, sizeBytes, sha256 } = piece
  const bytes = readFileSync(path).subarray(offset, offset + sizeBytes)
  expect(hexOf(bytes)).toBe(sha256)
  return bytes
}

test.each([false, true])(
  'every kind of release becomes a piece, with its source (as a folder: %p)',
  async (isFolder) => {
    const list = [kubeadm, keadm, crictl, k3s, base, network, wanted({ name: 'kubeadm', architecture: 'arm64' })]
    const contents = new Map<Wanted, Uint8Array>()
    for (const [seed, each] of list.entries()) contents.set(each, await publish(server, each, 40_000, seed))
    const { failures, fetched } = await createBundle(creation(list, { isFolder }))
    expect(failures).toEqual([])
    expect(fetched.length).toBe(list.length)
    for (const each of list) expect(contentIn(output(), each).equals(Buffer.from(contents.get(each) ?? []))).toBe(true)
    const [first] = openBundle(output()).pieces
    expect(first).toMatchObject({
      name: 'kubeadm',
      version: '1.32.10',
      source: `${server.url}/kubernetes/v1.32.10/bin/linux/amd64/kubeadm`,
    })
    expect(readdirSync(folder)).toEqual(['out'])

    server.requests.length = 0
    const before = statSync(isFolder ? join(output(), 'manifest.json') : output()).ino
    const again = await createBundle(creation(list, { isFolder }))
    expect(again.fetched).toEqual([])
    expect(server.requests).toEqual([])
    if (!isFolder) expect(statSync(output()).ino).toBe(before)
  },
)

test.each([false, true])(
  'another version fetches what is new and lets go of what was (as a folder: %p)',
  async (isFolder) => {
    for (const [seed, each] of programs.entries()) await publish(server, each, 40_000, seed)
    await createBundle(creation(programs, { isFolder }))
    if (isFolder) writeFileSync(join(output(), 'notes-of-mine'), '')
    const newer = wanted({ name: 'kubeadm', version: '1.32.11' })
    const content = await publish(server, newer, 50_000, 5)
    server.requests.length = 0
    await createBundle(creation([newer, kubelet, kubectl], { isFolder }))
    expect(fetchedPaths().map((path) => path.slice(path.indexOf('/v1')))).toEqual([
      '/v1.32.11/bin/linux/amd64/kubeadm',
      '/v1.32.11/bin/linux/amd64/kubeadm.sha256',
    ])
    expect(contentIn(output(), newer).equals(Buffer.from(content))).toBe(true)
    expect(openBundle(output()).pieces.map(({ version }) => version)).toEqual(['1.32.11', '1.32.10', '1.32.10'])
    if (isFolder) {
      expect(readdirSync(output()).sort()).toEqual(['manifest.json', 'notes-of-mine', 'programs'])
      expect(readdirSync(join(output(), 'programs/amd64')).length).toBe(3)
    }
  },
)

test('a damaged piece of the bundle that is there is fetched again', async () => {
  for (const [seed, each] of programs.entries()) await publish(server, each, 40_000, seed)
  await createBundle(creation(programs, { isFolder: true }))
  const [piece] = openBundle(output()).pieces
  const bytes = readFileSync(piece?.path ?? '')
  bytes[1000] = (bytes[1000] ?? 0) ^ 1
  writeFileSync(piece?.path ?? '', bytes)
  const { fetched } = await createBundle(creation(programs, { isFolder: true }))
  expect(fetched.map(({ name }) => name)).toEqual(['kubeadm'])
  contentIn(output(), kubeadm)
})

test('each piece that cannot be had is named, the others are kept for the next attempt', async () => {
  for (const [seed, each] of programs.entries()) await publish(server, each, 40_000, seed)
  const sums = `/kubernetes/v1.32.10/bin/linux/amd64/kubelet.sha256`
  const right = server.files.get(sums)
  server.files.set(sums, Buffer.from(`${'0'.repeat(64)}\n`))
  const unknown = wanted({ name: 'my-driver' })
  const { failures } = await createBundle(creation([...programs, keadm, unknown]))
  expect(failures.map(({ wanted: { name }, failure: { kind } }) => `${name} ${kind}`)).toEqual([
    'kubelet bundle',
    'keadm unreachable',
    'my-driver bundle',
  ])
  expect(failures[0]?.failure.message).toContain(`/kubelet has sha256 `)
  expect(failures[1]?.failure.message).toEndWith('keadm-v1.23.1-linux-amd64.tar.gz.txt: the server answered 404')
  expect(existsSync(output())).toBe(false)

  server.files.set(sums, right as Uint8Array)
  server.requests.length = 0
  const again = await createBundle(creation(programs))
  expect(again.fetched.map(({ name }) => name)).toEqual(['kubelet'])
  expect(openBundle(output()).pieces.length).toBe(3)
})

test('a checksum file that does not name the file is a failure', async () => {
  await publish(server, k3s)
  const sums = [...server.files.keys()].find((path) => path.includes('sha256sum')) as string
  server.files.set(sums, Buffer.from(`${'1'.repeat(64)}  k3s-arm64\n${'2'.repeat(64)}  k3s-airgap\n`))
  const { failures } = await createBundle(creation([k3s]))
  expect(failures[0]?.failure).toMatchObject({
    kind: 'bundle',
    message: expect.stringContaining('has no checksum for'),
  })
})

test('a sum that the user gives is what counts', async () => {
  const content = await publish(server, network)
  const pinned = (hex: string) => creation([network], { pins: () => ({ algorithm: 'sha256', hex }) })
  const { failures } = await createBundle(pinned('0'.repeat(64)))
  expect(failures[0]?.failure).toMatchObject({ kind: 'bundle', message: expect.stringContaining('should have 0000') })
  expect((await createBundle(pinned(hexOf(content)))).failures).toEqual([])
})

test('a program for another machine than its name says is refused', async () => {
  await publish(server, kubeadm)
  const path = '/kubernetes/v1.32.10/bin/linux/amd64/kubeadm'
  const wrong = programBytes('arm64', 1000, 1)
  server.files.set(path, wrong)
  server.files.set(`${path}.sha256`, Buffer.from(hexOf(wrong)))
  const { failures } = await createBundle(creation([kubeadm]))
  expect(failures[0]?.failure).toMatchObject({
    kind: 'bundle',
    message: `${server.url}${path} is for arm64, not kubeadm for amd64`,
  })
})

test.each([1, 3])('%d transfers at once, and no more', async (jobs) => {
  const list = ['1.32.1', '1.32.2', '1.32.3', '1.32.4'].map((version) =>
    wanted({ name: 'kubeadm', version, roles: [] }),
  )
  const several = list.map((each, index) => ({
    ...each,
    architecture: index % 2 ? ('arm64' as const) : each.architecture,
  }))
  for (const each of several) await publish(server, each)
  // Answers come when so many questions wait: with fewer at once this would not end.
  const waiting: (() => void)[] = []
  let open = several.length
  server.intercept = async ({ target, method }, usual) => {
    if (method === 'HEAD' || target.endsWith('.sha256')) return usual
    await new Promise<void>((resolve) => {
      waiting.push(resolve)
      if (waiting.length >= Math.min(jobs, open)) for (const answer of waiting.splice(0)) answer()
    })
    open -= 1
    return usual
  }
  const { failures } = await createBundle(creation(several, { jobs }))
  expect(failures).toEqual([])
  expect(server.mostAtOnce).toBe(jobs)
})

test('no room for what is to come is said before anything is fetched', async () => {
  await publish(server, kubeadm)
  server.intercept = (request, usual) =>
    request.method === 'HEAD'
      ? { ...usual, body: undefined as never, headers: { 'content-length': String(2 ** 52) } }
      : usual
  const error = await createBundle(creation([kubeadm])).catch((thrown) => thrown)
  expect(error.failure).toMatchObject({ kind: 'refused', message: expect.stringContaining('no space for the bundle') })
  expect(fetchedPaths()).toEqual([])
})

test('--from: programs by name, archives of upstream by theirs, images by the names in them, packages', async () => {
  const from = join(folder, 'from')
  const own = programBytes('amd64', 5000, 9)
  mkdirSync(join(from, 'amd64'), { recursive: true })
  writeFileSync(join(from, 'amd64/kubeadm'), own)
  await makePackages(join(from, 'containerd.tar'))
  await makeDockerArchive({ name: 'docker.io/kubeedge/pause:3.6' }, join(from, 'saved.tar'))
  await publish(server, keadm, 3000)
  const archive = [...server.files.keys()].find((path) => path.endsWith('.tar.gz')) as string
  writeFileSync(join(from, 'keadm-v1.23.1-linux-amd64.tar.gz'), server.files.get(archive) as Uint8Array)
  const packages = wanted({ name: 'containerd', kind: 'os-packages', version: '12' })
  const pause = wanted({ name: 'docker.io/kubeedge/pause:3.6', kind: 'image', version: '3.6', roles: ['edge'] })
  const list = [kubeadm, keadm, packages, pause]
  server.files.clear()
  const { failures } = await createBundle(creation(list, { from: [from] }))
  expect(failures).toEqual([])
  expect(server.requests).toEqual([])
  expect(contentIn(output(), kubeadm).equals(Buffer.from(own))).toBe(true)
  expect(openBundle(output()).pieces.map(({ name, roles }) => [name, roles])).toEqual([
    ['kubeadm', []],
    ['keadm', []],
    ['containerd', []],
    ['docker.io/kubeedge/pause:3.6', ['edge']],
  ])
  expect(existsSync(join(from, 'amd64/kubeadm'))).toBe(true)
})

test('--from: what is for another machine is passed over, and said', async () => {
  const from = join(folder, 'from')
  mkdirSync(from)
  writeFileSync(join(from, 'kubeadm'), programBytes('arm64', 1000, 1))
  const content = await publish(server, kubeadm)
  await createBundle(creation([kubeadm], { from: [from] }))
  expect(contentIn(output(), kubeadm).equals(Buffer.from(content))).toBe(true)
  expect(said).toEqual([`${join(from, 'kubeadm')} is for arm64, not kubeadm for amd64`])
})

test('--from: a bundle, as a folder or one file, with the sources that it names', async () => {
  const given = makeBundle([{ name: 'my-driver', content: 'drive' }])
  const driver = wanted({ name: 'my-driver', version: '1.0' })
  await createBundle(creation([driver], { from: [given] }))
  expect(contentIn(output(), driver).toString()).toBe('drive')
  const from = output()
  folder = temporaryFolder()
  await createBundle(creation([driver], { from: [from], isFolder: true }))
  expect(contentIn(output(), driver).toString()).toBe('drive')
})

test('images are pulled once, for each machine, one of several names once; the next time none is', async () => {
  registry = await startRegistry()
  const digest = await registry.push('kubeedge/pause', '3.6', { architectures: ['amd64', 'arm64'] })
  await registry.push('kubeedge/pause', 'same', { architectures: ['amd64', 'arm64'] })
  const image = (name: string, architecture: 'amd64' | 'arm64' = 'amd64') =>
    wanted({ name, kind: 'image', version: '1', architecture })
  const first = image('docker.io/kubeedge/pause:3.6')
  const same = image('my.registry/kubeedge/pause:same')
  const list = [first, same, image(first.name, 'arm64')]
  const { failures, pieces } = await createBundle(creation(list, { isFolder: true }))
  expect(failures).toEqual([])
  expect(pieces.map((piece) => piece.digest)).toEqual([digest, digest, digest])
  const [one, other, arm] = openBundle(output()).pieces
  expect(other?.path).toBe(one?.path as string)
  expect(arm?.path).not.toBe(one?.path as string)
  expect([...archiveNames(one?.path ?? '')].sort()).toEqual([first.name, same.name])
  const { address } = registry
  await registry.close()
  const again = await createBundle(creation(list, { isFolder: true, registries: { 'docker.io': `http://${address}` } }))
  expect(again).toMatchObject({ failures: [], fetched: [] })
})

test('images whose tag only the pod network or K3s know are pulled as these name them', async () => {
  registry = await startRegistry()
  await registry.push('flannel/flannel', 'v7', { architectures: ['amd64'] })
  await registry.push('rancher/mirrored-coredns-coredns', '1.99', { architectures: ['amd64'] })
  await publish(server, network)
  await publish(server, k3s)
  const manifest = [...server.files.keys()].find((path) => path.includes('kube-flannel')) as string
  server.files.set(manifest, Buffer.from('spec:\n  - name: x\n    image: docker.io/flannel/flannel:v7\n'))
  server.files.set(
    '/k3s/v1.32.1%2Bk3s1/k3s-images.txt',
    Buffer.from('docker.io/rancher/mirrored-coredns-coredns:1.99\n'),
  )
  const guess = (name: string, more = {}) => wanted({ name, kind: 'image', version: '1', anyTag: true, ...more })
  const list = [
    network,
    k3s,
    guess('docker.io/flannel/flannel:v1', { namedIn: 'pod-network' }),
    guess('docker.io/rancher/mirrored-coredns-coredns:1.0'),
  ]
  const { failures } = await createBundle(creation(list))
  expect(failures).toEqual([])
  expect(openBundle(output()).pieces.slice(2)).toMatchObject([
    { name: 'docker.io/flannel/flannel:v7', version: '7' },
    { name: 'docker.io/rancher/mirrored-coredns-coredns:1.99', version: '1.99' },
  ])
})

test('a plan says what is there, what is to come, how large, and what stands in the way; nothing is made', async () => {
  await publish(server, kubeadm, 12_345)
  await publish(server, network)
  const from = join(folder, 'from')
  await makePackages(join(from, 'containerd.tar'))
  const packages = wanted({ name: 'containerd', kind: 'os-packages', version: '12' })
  const list = [kubeadm, keadm, network, packages, wanted({ name: 'my-driver' })]
  const planned = await planCreation(creation(list, { from: [from], web: { ...creation([]).web, ca: 'any' } }))
  expect(planned).toMatchObject([
    { state: 'fetch', sizeBytes: 12_345, checkedBy: 'published sum' },
    { state: 'fetch', problem: expect.stringContaining('404') },
    { state: 'fetch', checkedBy: 'nothing' },
    { state: 'there', source: join(from, 'containerd.tar') },
    { state: 'nowhere' },
  ])
  expect(readdirSync(folder)).toEqual(['from'])
  expect(fetchedPaths()).toEqual([])
})

test('what waits for the next attempt is trusted only while its bytes are what they were', async () => {
  await publish(server, kubeadm)
  expect((await createBundle(creation([kubeadm, keadm]))).failures.length).toBe(1)
  const kept = join(folder, 'out.work/pieces/programs/amd64/kubeadm-1.32.10')
  const bytes = readFileSync(kept)
  bytes[1000] = (bytes[1000] ?? 0) ^ 1
  writeFileSync(kept, bytes)
  const { fetched } = await createBundle(creation([kubeadm]))
  expect(fetched.map(({ name }) => name)).toEqual(['kubeadm'])
  contentIn(output(), kubeadm)
})
