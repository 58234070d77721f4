import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { type Creation, createBundle, planCreation } from '../../lib/bundle/create-bundle.ts'
import { shelfOf } from '../../lib/bundle/on-disk.ts'
import { createProgress } from '../../lib/bundle/progress.ts'
import type { Wanted } from '../../lib/bundle/wanted.ts'
import { localConnection } from '../../lib/host/local.ts'
import { type FileServer, pathOf, serveFiles } from './file-server.ts'
import { type Deb, makeArchive, makeImage, run, statusOf } from './make-archive.ts'
import { temporaryFolder } from './make-bundle.ts'
import { wanted } from './published.ts'

// What apt-get, debugfs, qemu-img and dpkg make of it: all of them are the real ones.

setDefaultTimeout(300_000)
const connection = localConnection()
afterAll(() => connection.close())

/** In the image; dpkg says for which machine all are. */
const installed: readonly Deb[] = [
  { name: 'dpkg', version: '1.21' },
  { name: 'libc6', version: '2.36-9' },
  { name: 'libold', version: '1.0' },
  { name: 'iptables', version: '1.8.9' },
  { name: 'mail-agent', version: '4', fields: ['Provides: mailer'] },
]
const archive: readonly Deb[] = [
  {
    name: 'containerd',
    version: '1.6.20~ds1-1',
    fields: ['Depends: libc6 (>= 2.30), libold (>= 2.0), runtime-shim, mailer, docs', 'Recommends: extras'],
  },
  { name: 'runc', version: '1:1.1.5+ds1', fields: ['Depends: libseccomp2', 'Conflicts: crun'] },
  { name: 'runc', version: '1:1.0', fields: [] },
  { name: 'containernetworking-plugins', version: '1.1' },
  { name: 'iptables', version: '9.9' },
  { name: 'libc6', version: '2.37' },
  { name: 'libold', version: '2.5' },
  { name: 'libseccomp2', version: '2.5.4' },
  { name: 'shim-v2', version: '2', fields: ['Provides: runtime-shim'] },
  { name: 'other-agent', version: '1', fields: ['Provides: mailer'] },
  { name: 'docs', version: '7', architecture: 'all' },
  { name: 'extras', version: '1' },
  { name: 'crun', version: '1' },
]
/** libold is too old in the image; apt and bash, which this machine has, are nobody's business. */
const closure = [
  'containerd_1.6.20~ds1-1_amd64.deb',
  'containernetworking-plugins_1.1_amd64.deb',
  'docs_7_all.deb',
  'libold_2.5_amd64.deb',
  'libseccomp2_2.5.4_amd64.deb',
  'runc_1%3a1.1.5+ds1_amd64.deb',
  'shim-v2_2_amd64.deb',
]

const osRelease = 'ID=debian\nVERSION_CODENAME=bookworm\n'
const list = (options = '[trusted=yes]') => `deb ${options} http://archive.invalid/debian bookworm main\n`
const filesOf = (sources: Readonly<Record<string, string>>, status = statusOf(installed)) => ({
  'var/lib/dpkg/status': status,
  'usr/lib/os-release': osRelease,
  ...sources,
})

let files: Map<string, Uint8Array>
let image: string
let server: FileServer
let folder: string
beforeAll(async () => {
  files = await makeArchive(archive)
  image = join(temporaryFolder(), 'base.qcow2')
  const settings = 'DPkg::Pre-Invoke { "touch /tmp/never"; };\nAPT::Update::Pre-Invoke { "false"; };\n'
  await makeImage(filesOf({ 'etc/apt/sources.list': list(), 'etc/apt/apt.conf.d/99hostile': settings }), image)
})
beforeEach(async () => {
  server = await serveFiles()
  for (const [path, bytes] of files) server.files.set(`/debian/${path}`, bytes)
  server.intercept = decoded
  folder = temporaryFolder()
})
afterEach(() => server.close())

/** apt writes `~` as `%7e`, which any real server takes. */
const decoded: FileServer['intercept'] = ({ target }, usual) => {
  const body = server.files.get(decodeURIComponent(target))
  return body && usual.status === 404 ? { body } : usual
}

const base = wanted({ name: 'base', kind: 'vm-image', version: '12' })
const packages = wanted({ name: 'containerd', kind: 'os-packages', version: '12' })

function creation(list: readonly Wanted[] = [base, packages], more: Partial<Creation> = {}, from = image): Creation {
  const signal = more.signal ?? new AbortController().signal
  return {
    output: join(folder, 'out'),
    isFolder: true,
    wanted: list,
    shelf: shelfOf([join(from, '..')], () => {}),
    mirrors: { debian: `${server.url}/debian` },
    registries: {},
    web: { env: {}, stallSeconds: 30, attempts: 2, pauseSeconds: 0.01 },
    jobs: 1,
    host: connection.bind({ signal, onOutput: () => {} }),
    signal,
    progress: createProgress(),
    pins: () => undefined,
    say: () => {},
    ...more,
  }
}

const pieceIn = (output: string) => openBundle(output).pieces.find(({ kind }) => kind === 'os-packages')
const membersOf = async (path: string) => (await run(['tar', '-tf', path])).trim().split('\n').sort()
const fetched = () => server.requests.map(pathOf).filter((path) => path.endsWith('.deb'))
const failuresOf = async (made: Creation) =>
  (await createBundle(made)).failures.map(({ failure }) => `${failure.kind}: ${failure.message}`)

test('what the image lacks, and nothing else, becomes a repository that says what it is for', async () => {
  const { failures } = await createBundle(creation())
  expect(failures).toEqual([])
  const piece = pieceIn(join(folder, 'out'))
  const members = await membersOf(piece?.path ?? '')
  expect(members).toEqual([...['', 'Packages', 'Release', 'install'], ...closure].map((name) => `./${name}`).sort())
  expect([piece?.version, piece?.architecture, piece?.source]).toEqual(['12', 'amd64', server.url])
  const inside = async (name: string) => await run(['tar', '-xOf', piece?.path ?? '', `./${name}`])
  expect(await inside('install')).toBe('containerd\nrunc\ncontainernetworking-plugins\niptables\n')
  const listed = (await inside('Packages')).split('\n').filter((line) => line.startsWith('Filename: '))
  expect(listed.sort()).toEqual(closure.map((name) => `Filename: ./${name}`))
  expect(fetched()).toHaveLength(closure.length)
})

test('the same packages make the same bytes', async () => {
  await createBundle(creation())
  await createBundle(creation(undefined, { output: join(folder, 'again') }))
  const [one, other] = [pieceIn(join(folder, 'out')), pieceIn(join(folder, 'again'))]
  expect(one?.sha256).toBe(other?.sha256 as string)
})

test('the image in a bundle file is read where it lies', async () => {
  await createBundle(creation([base], { isFolder: false, output: join(folder, 'given/lab.bundle') }))
  const { failures } = await createBundle(
    creation(undefined, { shelf: shelfOf([join(folder, 'given/lab.bundle')], () => {}) }),
  )
  expect(failures).toEqual([])
  expect(await membersOf(pieceIn(join(folder, 'out'))?.path ?? '')).toContain('./runc_1%3a1.1.5+ds1_amd64.deb')
})

test('packages that arrived before a failure are not fetched again', async () => {
  server.intercept = (request, usual) =>
    request.target.includes('/runc_') ? { status: 404 } : (decoded?.(request, usual) ?? usual)
  expect(await failuresOf(creation())).toEqual([expect.stringMatching(/^unreachable: .*runc_.*404$/)])
  server.intercept = decoded
  const before = fetched().length
  expect(await failuresOf(creation())).toEqual([])
  expect(fetched().slice(before)).toEqual([expect.stringContaining('/runc_')])
})

test('a package that is not what the index says is no piece', async () => {
  const path = [...server.files.keys()].find((each) => each.includes('/runc_1%3a1.1')) as string
  const bytes = Buffer.from(server.files.get(path) as Uint8Array)
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  server.files.set(path, bytes)
  expect(await failuresOf(creation())).toEqual([expect.stringMatching(/^bundle: .*runc_/)])
  expect(existsSync(join(folder, 'out/manifest.json'))).toBe(false)
})

test('several pieces of one image, side by side', async () => {
  const crio = wanted({ name: 'kubernetes-node', kind: 'os-packages', version: '12' })
  for (const [path, bytes] of await makeArchive([
    ...archive,
    ...['conntrack', 'socat', 'ebtables', 'ethtool', 'ipset'].map((name) => ({ name, version: '3' })),
  ]))
    server.files.set(`/debian/${path}`, bytes)
  expect(await failuresOf(creation([base, packages, crio], { jobs: 3 }))).toEqual([])
  expect(openBundle(join(folder, 'out')).pieces.map(({ name }) => name)).toEqual([
    'base',
    'containerd',
    'kubernetes-node',
  ])
})

test('a plan says that packages come from the archives', async () => {
  const planned = await planCreation(creation())
  expect(planned[1]).toMatchObject({ state: 'fetch', checkedBy: 'published sum' })
})

async function failuresWith(files: Readonly<Record<string, string>>, fileSystem = 'ext4'): Promise<readonly string[]> {
  const path = join(folder, 'images/base.qcow2')
  await makeImage(files, path, fileSystem)
  return await failuresOf(creation(undefined, {}, path))
}

test('an archive that nobody signed is not believed', async () => {
  expect(await failuresWith(filesOf({ 'etc/apt/sources.list': list('') }))).toEqual([
    expect.stringMatching(/^bundle: the lists of packages: apt-get: .*not signed/),
  ])
})

test.each([
  [
    'no dpkg',
    { 'etc/os-release': osRelease },
    'ext4',
    /no ext2, ext3 or ext4 file system with \/var\/lib\/dpkg\/status/,
  ],
  ['another file system', {}, 'none', /no ext2, ext3 or ext4 file system/],
  [
    'another machine',
    filesOf({}, statusOf([{ ...(installed[0] as Deb), architecture: 'arm64' }])),
    'ext4',
    /for arm64, not for amd64/,
  ],
  ['no archives', filesOf({ 'etc/apt/sources.list': 'deb cdrom:[x] bookworm main\n' }), 'ext2', /names no archive/],
])('an image with %s is refused in plain words', async (_, files, fileSystem, said) => {
  expect(await failuresWith(files, fileSystem)).toEqual([expect.stringMatching(said)])
})

test('a package that no archive has is named; so are an archive that is away and an image that is no image', async () => {
  const crio = wanted({ name: 'cri-o', kind: 'os-packages', version: '12' })
  expect(await failuresOf(creation([base, crio]))).toEqual([
    expect.stringMatching(/^bundle: .*Unable to locate package cri-o/),
  ])
  const away = creation(undefined, { mirrors: { debian: 'http://127.0.0.1:1/debian' } })
  expect(await failuresOf(away)).toEqual([expect.stringMatching(/^unreachable: the lists of packages: .*127\.0\.0\.1/)])
  const path = join(folder, 'images/base.qcow2')
  await makeImage({}, path)
  writeFileSync(path, readFileSync(path).subarray(0, 20))
  expect(await failuresOf(creation(undefined, {}, path))).toEqual([
    expect.stringMatching(/^bundle: packages cannot .*qemu-img/),
  ])
})

test('machines that are no VMs, and packages of which nobody said what they are, are for --from', async () => {
  const bare = { ...packages, nodes: ['master', 'pi'] }
  expect(await failuresOf(creation([base, bare]))).toEqual([expect.stringMatching(/pi is no VM/)])
  const own = wanted({ name: 'firewalls', kind: 'os-packages', version: '1' })
  expect(await failuresOf(creation([base, own]))).toEqual([expect.stringMatching(/firewalls .* is not known/)])
})
