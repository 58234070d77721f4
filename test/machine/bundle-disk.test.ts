import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Bundle, openBundle } from '../../lib/bundle/bundle.ts'
import { readAsset } from '../../lib/bundle/read-asset.ts'
import { manifestOfFile, writeBundleFile } from '../../lib/bundle/write-bundle-file.ts'
import { localConnection } from '../../lib/host/local.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { provideBundleDisk } from '../../lib/machine/bundle-disk.ts'
import type { FileRange, TaskContext } from '../../lib/task/task.ts'
import { makeBundle, type PieceToMake } from '../bundle/make-bundle.ts'
import { lab } from './lab-for-tests.ts'
import { hostOf, scriptedContext } from './scripted-context.ts'

const pieces: readonly PieceToMake[] = [
  { name: 'keadm', content: 'keadm '.repeat(5000) },
  { name: 'kubelet' },
  { name: 'docker.io/a:1', kind: 'image' },
  { name: 'base', kind: 'vm-image', content: 'qcow2' },
]

const connection = localConnection()
afterAll(() => connection.close())

// Everybody may enter these, which not every folder for temporary files lets in.
let root: string
beforeEach(() => {
  root = `/tmp/kedge-bundle-disk-${process.pid}`
  rmSync(root, { recursive: true, force: true })
  mkdirSync(root)
  chmodSync(root, 0o755)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

type Scene = { readonly ctx: TaskContext; readonly said: readonly string[]; readonly storage: string }

/** A VM's context on this machine as the hypervisor, with a bundle; storage and state stay over several of them. */
function scene(bundle: Bundle, uri = 'qemu:///system'): Scene {
  const storage = join(root, 'storage')
  const state = join(root, 'state')
  mkdirSync(state, { recursive: true })
  const topology = { ...lab, hypervisor: { ...lab.hypervisor, uri, storage } }
  const { ctx, said } = scriptedContext(topology, 'edge-1', {}, state)
  return {
    said,
    storage,
    ctx: {
      ...ctx,
      $: ctx.$,
      host: ctx.host,
      hypervisor: hostOf(connection),
      asset: (name) => bundle.asset(name, 'amd64'),
      assets: (kind) => bundle.assets(kind, 'amd64'),
    },
  }
}

async function fileIn(folder: string, name = 'kedge.bundle'): Promise<string> {
  const source = openBundle(makeBundle(pieces)).pieces
  const path = join(root, folder, name)
  mkdirSync(dirname(path), { recursive: true })
  await writeBundleFile(source, manifestOfFile(source), path)
  return path
}

/** What VMs would find on the disk. */
const contents = ({ path, slice }: { path: string; slice?: { offset: number; sizeBytes: number } }) =>
  openBundle(slice ? { path, ...slice } : path).pieces.map((piece) => [piece.sha256, readAsset(piece)])

describe('a bundle that is one file', () => {
  test('is attached as it is: nothing is copied, and it is read once', async () => {
    const path = await fileIn('here')
    const first = scene(openBundle(path))
    expect(await provideBundleDisk(first.ctx)).toEqual({ path })
    expect(first.said).toEqual(['checking the bundle (1 MiB), once'])
    expect(existsSync(first.storage)).toBe(false)
    const again = scene(openBundle(path))
    expect(await provideBundleDisk(again.ctx)).toEqual({ path })
    expect(again.said).toEqual([])
  })

  test('in a pack is a part of the pack', async () => {
    const path = await fileIn('here')
    const bytes = readFileSync(path)
    const pack = join(root, 'here/kedge-lab')
    writeFileSync(pack, Buffer.concat([Buffer.alloc(4096, 'x'), bytes, Buffer.from('trailer')]))
    const range: FileRange = { path: pack, offset: 4096, sizeBytes: bytes.length }
    const disk = await provideBundleDisk(scene(openBundle(range)).ctx)
    expect(disk).toEqual({ path: pack, slice: { offset: 4096, sizeBytes: bytes.length } })
    expect(contents(disk as never)).toEqual(contents({ path }))
  })

  test('in a folder that qemu may not enter gets another name, and stays one file', async () => {
    const path = await fileIn('home/me')
    chmodSync(join(root, 'home'), 0o700)
    for (let round = 0; round < 2; round++) {
      const { ctx, storage } = scene(openBundle(path))
      const disk = await provideBundleDisk(ctx)
      expect(disk?.path).toMatch(/\/paper\/bundle-[0-9a-f]{16}\.img$/)
      expect(dirname(disk?.path as string)).toBe(join(storage, 'paper'))
      expect(statSync(disk?.path as string).ino).toBe(statSync(path).ino)
      expect(disk?.slice).toBeUndefined()
    }
    const { said, ctx } = scene(openBundle(path))
    await provideBundleDisk(ctx)
    expect(said).toEqual([])
    // For a session qemu is whoever runs kedge.
    expect(await provideBundleDisk(scene(openBundle(path), 'qemu:///session').ctx)).toEqual({ path })
  })

  test('that qemu may not read by any name is copied, once, and that is said', async () => {
    const path = await fileIn('here')
    chmodSync(path, 0o600)
    const { ctx, said } = scene(openBundle(path))
    const disk = await provideBundleDisk(ctx)
    expect(said.at(-1)).toBe(`qemu may not read ${path}: copying 1 MiB to where it may`)
    expect(statSync(disk?.path as string).mode & 0o777).toBe(0o444)
    expect(contents(disk as never)).toEqual(contents({ path }))
    const again = scene(openBundle(path))
    expect(await provideBundleDisk(again.ctx)).toEqual(disk)
    expect(again.said).toEqual([])
    expect(readdirSync(dirname(disk?.path as string))).toHaveLength(1)
  })

  test('with a damaged piece is not given to a VM, and is read anew once anything about it changed', async () => {
    const path = await fileIn('here')
    const { ctx } = scene(openBundle(path))
    await provideBundleDisk(ctx)
    const bytes = readFileSync(path)
    const at = openBundle(path).asset('kubelet', 'amd64').offset as number
    bytes[at] = (bytes[at] as number) ^ 1
    writeFileSync(path, bytes)
    const error = await provideBundleDisk(ctx).catch((thrown) => thrown)
    expect(toFailure(error).kind).toBe('bundle')
    expect(toFailure(error).message).toBe(`damaged in the bundle: kubelet (${path})`)
    bytes[at] = (bytes[at] as number) ^ 1
    writeFileSync(path, bytes)
    expect(await provideBundleDisk(ctx)).toEqual({ path })
  })
})

describe('a bundle that is a folder', () => {
  test('becomes an image of what nodes need, once for its content', async () => {
    const folder = makeBundle(pieces)
    const { ctx, said, storage } = scene(openBundle(folder))
    const disk = await provideBundleDisk(ctx)
    expect(said).toEqual(['the bundle (1 MiB) becomes a disk for the VMs'])
    expect(readdirSync(join(storage, 'paper'))).toHaveLength(1)
    expect(statSync(disk?.path as string).mode & 0o777).toBe(0o444)
    const nodes = openBundle(folder).pieces.filter(({ kind }) => kind !== 'vm-image')
    expect(new Map(contents(disk as never) as never)).toEqual(
      new Map(nodes.map((piece) => [piece.sha256, readAsset(piece)])) as never,
    )
    const again = scene(openBundle(makeBundle(pieces)))
    expect(await provideBundleDisk(again.ctx)).toEqual(disk)
    expect(again.said).toEqual([])
  })

  test('with a damaged piece names it, and leaves no image', async () => {
    const folder = makeBundle(pieces)
    const bundle = openBundle(folder)
    writeFileSync(bundle.asset('kubelet', 'amd64').path, 'kubelat')
    const { ctx, storage } = scene(bundle)
    const error = await provideBundleDisk(ctx).catch((thrown) => thrown)
    expect(toFailure(error).message).toBe(`damaged in the bundle: kubelet (${bundle.asset('kubelet', 'amd64').path})`)
    expect(readdirSync(join(storage, 'paper')).filter((name) => name.endsWith('.img'))).toEqual([])
  })

  test('with nothing for nodes is no disk, and with a hypervisor elsewhere pieces go over SSH', async () => {
    const { ctx } = scene(openBundle(makeBundle([{ name: 'base', kind: 'vm-image' }])))
    expect(await provideBundleDisk(ctx)).toBeUndefined()
    const elsewhere = scene(openBundle(makeBundle(pieces)), 'qemu+ssh://root@192.168.1.5/system')
    expect(await provideBundleDisk(elsewhere.ctx)).toBeUndefined()
  })
})
