import type { PutOptions } from '../host/host.ts'
import { linesOf } from '../host/lines-of.ts'
import type { Asset, TaskContext } from '../task/task.ts'
import { noteSums, notesFolder, sumsOf } from './program-sums.ts'

/** Where delivered pieces lie on a node, each under its sha256: a name that is there is whole. */
export const piecesFolder = '/var/lib/kedge/pieces'

/** Where a VM mounts the bundle's disk, read-only. */
export const bundleMount = '/run/kedge/bundle'
/** The disk itself, as udev names it by its serial number. */
export const bundleDevice = '/dev/disk/by-id/virtio-kedge-bundle'

/** For `put`: the part of its file that a piece is. */
export const rangeOf = ({ offset, sizeBytes }: Asset): Pick<PutOptions, 'range'> =>
  offset === undefined ? {} : { range: { offset, sizeBytes } }

const pathOnNode = (asset: Asset) => `${piecesFolder}/${asset.sha256}`

/**
 * Prints a line for each of the pieces that the node has: its path. One round trip for all, since each costs an emulated node
 * a good part of a second.
 */
const findPieces = [
  'bash',
  '-c',
  `if [ -e ${bundleDevice} ] && ! mountpoint -q ${bundleMount}; then
  mkdir -p ${bundleMount}
  mount -o ro ${bundleDevice} ${bundleMount} || mountpoint -q ${bundleMount}
fi
for piece in "$@"; do
  if [ -e ${piecesFolder}/$piece ]; then echo ${piecesFolder}/$piece
  elif [ -e ${bundleMount}/$piece ]; then echo ${bundleMount}/$piece; fi
done`,
  'kedge',
]

/**
 * Where pieces lie on the node, by sha256, after bringing there what is missing. A VM has them on the lab's bundle disk, which
 * is mounted here; anything else gets them over SSH, checked by sha256 at the far end before they get their names.
 */
export async function deliverAll(ctx: TaskContext, assets: readonly Asset[]): Promise<ReadonlyMap<string, string>> {
  if (assets.length === 0) return new Map()
  const paths = await pathsOnNode(ctx, assets)
  const isMissing = ({ sha256 }: Asset) => !paths.has(sha256)
  if (assets.some(isMissing) && (await ctx.attachBundle()))
    for (const [sum, path] of await pathsOnNode(ctx, assets)) paths.set(sum, path)
  for (const asset of assets) {
    if (!isMissing(asset)) continue
    await send(ctx, asset)
    paths.set(asset.sha256, pathOnNode(asset))
  }
  return paths
}

async function pathsOnNode(ctx: TaskContext, assets: readonly Asset[]): Promise<Map<string, string>> {
  const found = await ctx.$`${findPieces} ${assets.map(({ sha256 }) => sha256)}`
  return new Map(linesOf(found).map((path) => [path.slice(path.lastIndexOf('/') + 1), path]))
}

/** Where one piece lies on the node, after bringing it there if need be. */
export async function deliver(ctx: TaskContext, asset: Asset): Promise<string> {
  return (await deliverAll(ctx, [asset])).get(asset.sha256) as string
}

async function send(ctx: TaskContext, asset: Asset): Promise<void> {
  ctx.say(`sending ${asset.name} (${(asset.sizeBytes / 1024 / 1024).toFixed(1)} MiB)`)
  let toldPercent = 0
  await ctx.host.put(asset.path, pathOnNode(asset), {
    ...rangeOf(asset),
    sha256: asset.sha256,
    onProgress(sentBytes, totalBytes) {
      const percent = totalBytes === 0 ? 100 : Math.floor((sentBytes / totalBytes) * 100)
      if (percent < toldPercent + 20) return
      toldPercent = percent
      ctx.say(`sending ${asset.name}: ${percent} %`)
    },
  })
}

/**
 * Forgets pieces on the node that have been put to use, by the paths at which they were delivered, so that a small edge does
 * not hold everything twice. What lies on the bundle's disk was never copied, and costs no command.
 */
export async function forget(ctx: TaskContext, paths: Iterable<string>): Promise<void> {
  const copies = [...paths].filter((path) => path.startsWith(`${piecesFolder}/`))
  if (copies.length > 0) await ctx.$`rm -f ${copies}`
}

/** A program of the bundle and where it belongs on a node. */
export type Program = { readonly asset: string; readonly path: string }

/** Those of the programs that are not, byte for byte, what the bundle holds. */
export async function missingPrograms(ctx: TaskContext, programs: readonly Program[]): Promise<readonly Program[]> {
  const paths = programs.map((program) => program.path)
  const sums = await ctx.$`${sumsOf(notesFolder)} ${paths}`.nothrow()
  const present = new Set(sums.stdout.split('\n').map((line) => line.replace(/^(\w+)\s+\*?/, '$1 ')))
  return programs.filter(({ asset, path }) => !present.has(`${ctx.asset(asset).sha256} ${path}`))
}

/** Installs programs with mode 0755, each under its name only when it is whole, also over one that is running. */
export async function installPrograms(ctx: TaskContext, programs: readonly Program[]): Promise<void> {
  const missing = await missingPrograms(ctx, programs)
  const assets = missing.map(({ asset }) => ctx.asset(asset))
  const paths = await deliverAll(ctx, assets)
  for (const [index, { path }] of missing.entries()) {
    const delivered = paths.get(assets[index]?.sha256 ?? '') as string
    const aside = `${path}.kedge`
    await ctx.$`mkdir -p "$(dirname ${path})" && install -m 0755 ${delivered} ${aside} && sync ${aside} && mv -f ${aside} ${path}`
  }
  if (programs.length > 0) await ctx.$`${noteSums(notesFolder)} ${programs.map(({ path }) => path)}`
  await forget(ctx, paths.values())
}
