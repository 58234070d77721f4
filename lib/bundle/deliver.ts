import { TaskError } from '../event/failure.ts'
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
 * Prints the path of each of the pieces that the node has, the bytes that have arrived of others, and, if any is missing, the
 * bytes that are free where pieces are sent to. One round trip for all, since each costs an emulated node a good part of a second.
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
  elif [ -e ${bundleMount}/$piece ]; then echo ${bundleMount}/$piece
  else missing=yes; stat -c 'arrived %s' ${piecesFolder}/.kedge-$piece.part 2>/dev/null || true; fi
done
if [ "\${missing-}" ]; then
  mkdir -p ${piecesFolder}
  df --output=avail -B 1 ${piecesFolder} | sed -n 's/^ */free /;2p'
fi`,
  'kedge',
]

/**
 * Where pieces lie on the node, by sha256, after bringing there what is missing. A VM has them on the lab's bundle disk, which
 * is mounted here; anything else gets them over SSH, checked by sha256 at the far end before they get their names.
 */
export async function deliverAll(ctx: TaskContext, assets: readonly Asset[]): Promise<ReadonlyMap<string, string>> {
  if (assets.length === 0) return new Map()
  let found = await look(ctx, assets)
  if (assets.some(({ sha256 }) => !found.paths.has(sha256)) && (await ctx.attachBundle()))
    found = await look(ctx, assets)
  const { paths } = found
  const missing = [...new Map(assets.map((asset) => [asset.sha256, asset])).values()].filter(
    ({ sha256 }) => !paths.has(sha256),
  )
  mustHaveRoom(ctx, missing, found)
  for (const asset of missing) {
    await send(ctx, asset)
    paths.set(asset.sha256, pathOnNode(asset))
  }
  return paths
}

type Found = {
  /** By sha256. */
  readonly paths: Map<string, string>
  /** Of pieces that were cut off on their way. */
  readonly arrivedBytes: number
  /** Undefined where the node does not say. */
  readonly freeBytes: number | undefined
}

async function look(ctx: TaskContext, assets: readonly Asset[]): Promise<Found> {
  const lines = linesOf(await ctx.$`${findPieces} ${assets.map(({ sha256 }) => sha256)}`)
  const numbers = (word: string) =>
    lines.flatMap((line) => (line.startsWith(`${word} `) ? [Number(line.slice(word.length))] : []))
  return {
    paths: new Map(
      lines.filter((line) => line.startsWith('/')).map((path) => [path.slice(path.lastIndexOf('/') + 1), path]),
    ),
    arrivedBytes: numbers('arrived').reduce((sum, bytes) => sum + bytes, 0),
    freeBytes: numbers('free')[0],
  }
}

/** Throws a TaskError before the first byte is sent to a disk that cannot hold the last one. */
function mustHaveRoom({ node }: TaskContext, missing: readonly Asset[], { arrivedBytes, freeBytes }: Found): void {
  const neededBytes = missing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) - arrivedBytes
  if (freeBytes === undefined || neededBytes <= freeBytes) return
  throw new TaskError({
    kind: 'command',
    message: `${node.name} has ${inMiB(freeBytes)} free in ${piecesFolder}, and ${missing.length} pieces of the bundle take ${inMiB(neededBytes)}`,
    cure: `make room on ${node.name} (df -h /var/lib says how much there is)`,
  })
}

const inMiB = (bytes: number) => `${(bytes / mebibyte).toFixed(1)} MiB`
const mebibyte = 1024 * 1024

/** Where one piece lies on the node, after bringing it there if need be. */
export async function deliver(ctx: TaskContext, asset: Asset): Promise<string> {
  return (await deliverAll(ctx, [asset])).get(asset.sha256) as string
}

/** A lost link is opened again, for as long as each attempt gets further than those before it. */
async function send(ctx: TaskContext, asset: Asset): Promise<void> {
  ctx.say(`sending ${asset.name} (${inMiB(asset.sizeBytes)})`)
  const progress = progressOf(ctx, asset)
  for (let before = 0; ; before = progress.sentBytes()) {
    try {
      return await ctx.host.put(asset.path, pathOnNode(asset), {
        ...rangeOf(asset),
        sha256: asset.sha256,
        // Less than this is sent anew in less time than it takes to ask.
        resumable: asset.sizeBytes >= 4 * mebibyte,
        onProgress: progress.onProgress,
      })
    } catch (error) {
      const isLost = error instanceof TaskError && error.failure.kind === 'unreachable'
      if (!isLost || ctx.signal.aborted || progress.sentBytes() < before + mebibyte) throw error
      ctx.say(`sending ${asset.name} goes on: ${error.message}`)
    }
  }
}

function progressOf(ctx: TaskContext, asset: Asset) {
  let furthest = 0
  let toldPercent = 0
  return {
    sentBytes: () => furthest,
    onProgress(sentBytes: number, totalBytes: number) {
      furthest = Math.max(furthest, sentBytes)
      const percent = totalBytes === 0 ? 100 : Math.floor((sentBytes / totalBytes) * 100)
      if (percent < toldPercent + 20) return
      toldPercent = percent
      ctx.say(`sending ${asset.name}: ${percent} %`)
    },
  }
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
