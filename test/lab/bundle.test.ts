import { afterAll, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { makeBundle, type Piece } from './bundle.ts'
import { sha256Of } from './docker-archive.ts'
import type { Image } from './image.ts'

const folder = await mkdtemp(join(tmpdir(), 'kedge-bundle-'))
afterAll(() => rm(folder, { recursive: true, force: true }))
const versions = { kubernetes: '1.32.10', kubeedge: '1.23.1' }

/** What `image` returns, with a word in place of each gigabyte. */
async function smallImage(): Promise<Image> {
  const packages = join(folder, 'image/packages')
  for (const set of ['containerd', 'kubernetes-node']) {
    await mkdir(join(packages, set, 'debs'), { recursive: true })
    await writeFile(join(packages, `${set}.tar`), set)
  }
  await writeFile(join(packages, 'containerd/debs/containerd_1.6.20~ds1-1%2bdeb12u3_amd64.deb'), '')
  await writeFile(join(folder, 'image/base.qcow2'), 'disk')
  const at = (name: string) => join(folder, 'image', name)
  return { qcow2: at('base.qcow2'), packages, kernel: at('vmlinuz'), initrd: at('initrd'), key: 'abc' }
}

async function givenBundle(name: string, pieces: Pick<Piece, 'name' | 'kind'>[]): Promise<string> {
  const given = join(folder, name)
  await mkdir(given, { recursive: true })
  const listed = pieces.map(async (piece): Promise<Piece> => {
    const path = `${piece.name}.bin`
    await writeFile(join(given, path), piece.name)
    const sha256 = await sha256Of(join(given, path))
    return { ...piece, version: '1', architecture: 'amd64', path, sizeBytes: piece.name.length, sha256, source: 'test' }
  })
  await writeFile(join(given, 'manifest.json'), JSON.stringify({ version: 1, pieces: await Promise.all(listed) }))
  return given
}

test('the stand-in bundle is one that kedge opens, with image, packages, programs, images and the pod network', async () => {
  const made = join(folder, 'stand-in')
  await makeBundle(made, await smallImage(), versions)
  const bundle = openBundle(made)
  expect(bundle.asset('base', 'amd64').kind).toBe('vm-image')
  expect(bundle.asset('containerd', 'amd64').version).toBe('1.6.20~ds1-1+deb12u3')
  expect(bundle.assets('file', 'amd64').map(({ name }) => name)).toEqual([
    'kubeadm',
    'kubelet',
    'kubectl',
    'crictl',
    'keadm',
  ])
  expect(bundle.asset('docker.io/kubeedge/cloudcore:v1.23.1', 'amd64').roles).toEqual(['control-plane'])
  const network = bundle.asset('pod-network', 'arm64')
  expect(await sha256Of(network.path)).toBe(network.sha256)
})

test('a given bundle without an image gets ours and the packages that go into it, and keeps its own pieces', async () => {
  const given = await givenBundle('given', [
    { name: 'kubeadm', kind: 'file' },
    { name: 'kubernetes-node', kind: 'os-packages' },
  ])
  const made = join(folder, 'merged')
  await makeBundle(made, await smallImage(), versions, given)
  const bundle = openBundle(made)
  expect(await readFile(bundle.asset('base', 'amd64').path, 'utf8')).toBe('disk')
  expect(await readFile(bundle.asset('containerd', 'amd64').path, 'utf8')).toBe('containerd')
  expect(bundle.asset('kubernetes-node', 'amd64').version).toBe('1')
  expect(await readFile(bundle.asset('kubeadm', 'amd64').path, 'utf8')).toBe('kubeadm')
  expect(bundle.assets('file', 'amd64')).toHaveLength(1)
})

test('a given bundle with an image of its own is taken as it is', async () => {
  const given = await givenBundle('whole', [{ name: 'base', kind: 'vm-image' }])
  const made = join(folder, 'whole-merged')
  await makeBundle(made, await smallImage(), versions, given)
  expect(await readFile(openBundle(made).asset('base', 'amd64').path, 'utf8')).toBe('base')
  expect(openBundle(made).assets('os-packages', 'amd64')).toHaveLength(0)
})
