import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { damagedInBundle } from '../bundle/damaged-pieces.ts'
import type { Piece } from '../bundle/manifest.ts'
import { layoutBundle, manifestOfFile } from '../bundle/write-bundle-file.ts'
import type { Asset, FileRange, TaskContext } from '../task/task.ts'
import { hypervisorTarget } from './connections.ts'
import { inTurn } from './in-turn.ts'
import { whyQemuCannotRead } from './qemu-access.ts'
import { refuseDamagedOnce } from './refuse-damaged-once.ts'
import { labFolder } from './storage.ts'

/** A file on the hypervisor, or a part of it, that VMs get as a disk. */
export type BundleDisk = {
  readonly path: string
  readonly slice?: { readonly offset: number; readonly sizeBytes: number }
}

/**
 * The bundle as one read-only disk that all VMs of the lab share, so that nothing of it is sent to any of them: the bundle's
 * own file where it is one, or an image made of its folder once for each content. Its pieces were read and found whole.
 * Undefined where the bundle has nothing for nodes, and where the hypervisor is another machine than the one with the
 * bundle, so that pieces go over SSH.
 */
export async function provideBundleDisk(ctx: TaskContext): Promise<BundleDisk | undefined> {
  const { topology, signal } = ctx
  const { uri } = topology.hypervisor
  if (hypervisorTarget(uri)) return undefined
  const pieces = (['file', 'image', 'os-packages', 'manifest'] as const).flatMap((kind) => ctx.assets(kind))
  const [first] = pieces
  if (!first) return undefined
  const path = `${labFolder(topology)}/bundle-${contentOf(pieces)}.img`
  return await inTurn(`${uri} ${path}`, signal, () =>
    first.bundleFile ? asItIs(ctx, pieces, first.bundleFile, path) : imageOfFolder(ctx, pieces, path),
  )
}

const contentOf = (pieces: readonly Asset[]): string =>
  createHash('sha256')
    .update([...new Set(pieces.map(({ sha256 }) => sha256))].sort().join('\n'))
    .digest('hex')
    .slice(0, 16)

/** Nothing is copied unless the qemu user cannot get at the file by any name. */
async function asItIs(ctx: TaskContext, pieces: readonly Asset[], file: FileRange, own: string): Promise<BundleDisk> {
  const { hypervisor, topology } = ctx
  const { path, offset, sizeBytes } = file
  const why = await whyQemuCannotRead(hypervisor, topology.hypervisor.uri, path)
  if (why !== undefined) await hypervisor.$`umask 022; mkdir -p ${labFolder(topology)}`
  // Another name for it, in a folder that qemu may enter.
  const isLinked =
    why === 'folder' &&
    (await hypervisor.$`[ ${path} -ef ${own} ] || ln -fL ${path} ${own}`.nothrow().quiet()).exitCode === 0
  await refuseDamagedOnce(ctx, pieces, file)
  if (why === undefined || isLinked) {
    const isPart = offset > 0 || statSync(path).size > sizeBytes
    return { path: isLinked ? own : path, ...(isPart ? { slice: { offset, sizeBytes } } : {}) }
  }
  if ((await hypervisor.$`test -e ${own}`.nothrow()).exitCode === 0) return { path: own }
  ctx.say(`qemu may not read ${path}: copying ${Math.ceil(sizeBytes / 2 ** 20)} MiB to where it may`)
  await hypervisor.$`rm -f ${own}.new
dd if=${path} of=${own}.new bs=4M iflag=skip_bytes,count_bytes skip=${offset} count=${sizeBytes} status=none
chmod 444 ${own}.new; sync ${own}.new; mv ${own}.new ${own}`
  return { path: own }
}

async function imageOfFolder(ctx: TaskContext, pieces: readonly Asset[], path: string): Promise<BundleDisk> {
  const { hypervisor } = ctx
  if ((await hypervisor.$`test -e ${path}`.nothrow()).exitCode === 0) return { path }
  const entries: readonly Piece[] = pieces.map((piece) => ({
    ...piece,
    architecture: ctx.node.architecture,
    roles: [],
  }))
  const { head, text, placed, sizeBytes } = layoutBundle(pieces, manifestOfFile(entries))
  ctx.say(`the bundle (${Math.ceil(sizeBytes / 2 ** 20)} MiB) becomes a disk for the VMs`)
  const aside = `${path}.new`
  await hypervisor.$`umask 022; mkdir -p ${labFolder(ctx.topology)}`
  await hypervisor.write(aside, Buffer.concat([head, text]))
  const list = placed.map(
    ({ piece: { sha256, sizeBytes: bytes, path: from }, offsetBytes }) =>
      `${sha256}\t${offsetBytes}\t${bytes}\t${from}\n`,
  )
  // What the disk holds is read, and not what it was made from: a VM has nothing else to go by.
  const { stdout } = await hypervisor.$({ input: list.join('') })`while IFS=$'\\t' read -r sum at size path; do
  dd if="$path" of=${aside} bs=4M oflag=seek_bytes seek="$at" conv=notrunc status=none
  found=$(dd if=${aside} bs=4M iflag=skip_bytes,count_bytes skip="$at" count="$size" status=none | sha256sum)
  [ "$found" = "$sum  -" ] || echo "$sum"
done
truncate -s ${sizeBytes} ${aside}`
  const damaged = placed.filter(({ piece }) => stdout.includes(piece.sha256)).map(({ piece }) => piece)
  if (damaged.length > 0) throw damagedInBundle(damaged)
  await hypervisor.$`chmod 444 ${aside}; sync ${aside}; mv ${aside} ${path}`
  return { path }
}
