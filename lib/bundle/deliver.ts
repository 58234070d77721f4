import type { Asset, TaskContext } from '../task/task.ts'

/** Where delivered pieces lie on a node, each under its sha256: a name that is there is whole. */
export const piecesFolder = '/var/lib/kedge/pieces'

/** Where a VM mounts the bundle's disk, read-only. */
const diskFolder = '/run/kedge/bundle'
const disk = '/dev/disk/by-id/virtio-kedge-bundle'

const pathOnNode = (asset: Asset) => `${piecesFolder}/${asset.sha256}`

/** Prints the piece's path if the node has it. One round trip, since each costs an emulated node a good part of a second. */
const findPiece = [
  'bash',
  '-c',
  `[ ! -e ${piecesFolder}/$1 ] || { echo ${piecesFolder}/$1; exit; }
[ -e ${disk} ] || exit 0
[ -e ${diskFolder}/$1 ] || { mkdir -p ${diskFolder}; mountpoint -q ${diskFolder} || mount -o ro ${disk} ${diskFolder}; }
[ ! -e ${diskFolder}/$1 ] || echo ${diskFolder}/$1`,
]

/**
 * Where a piece lies on the node, after bringing it there if need be. A VM has it on the lab's bundle disk, which is mounted
 * here; anything else gets it over SSH, checked by sha256 at the far end before it gets its name.
 */
export async function deliver(ctx: TaskContext, asset: Asset): Promise<string> {
  const found = (await ctx.$`${findPiece} kedge ${asset.sha256}`).stdout.trim()
  if (found !== '') return found
  const path = pathOnNode(asset)
  ctx.say(`sending ${asset.name} (${(asset.sizeBytes / 1024 / 1024).toFixed(1)} MiB)`)
  let toldPercent = 0
  await ctx.host.put(asset.path, path, {
    sha256: asset.sha256,
    onProgress(sentBytes, totalBytes) {
      const percent = totalBytes === 0 ? 100 : Math.floor((sentBytes / totalBytes) * 100)
      if (percent < toldPercent + 20) return
      toldPercent = percent
      ctx.say(`sending ${asset.name}: ${percent} %`)
    },
  })
  return path
}

/** Forgets a piece on the node that has been put to use, so that a small edge does not hold everything twice. */
export async function forget(ctx: TaskContext, asset: Asset): Promise<void> {
  await ctx.$`rm -f ${pathOnNode(asset)}`
}

/** A program of the bundle and where it belongs on a node. */
export type Program = { readonly asset: string; readonly path: string }

/** Those of the programs that are not, byte for byte, what the bundle holds. */
export async function missingPrograms(ctx: TaskContext, programs: readonly Program[]): Promise<readonly Program[]> {
  const paths = programs.map((program) => program.path)
  const sums = await ctx.$`sha256sum ${paths} 2>/dev/null`.nothrow()
  const present = new Set(sums.stdout.split('\n').map((line) => line.replace(/^(\w+)\s+\*?/, '$1 ')))
  return programs.filter(({ asset, path }) => !present.has(`${ctx.asset(asset).sha256} ${path}`))
}

/** Installs programs with mode 0755, each under its name only when it is whole, also over one that is running. */
export async function installPrograms(ctx: TaskContext, programs: readonly Program[]): Promise<void> {
  for (const { asset: name, path } of await missingPrograms(ctx, programs)) {
    const asset = ctx.asset(name)
    const delivered = await deliver(ctx, asset)
    const aside = `${path}.kedge`
    await ctx.$`mkdir -p "$(dirname ${path})" && install -m 0755 ${delivered} ${aside} && sync ${aside} && mv -f ${aside} ${path}`
    await forget(ctx, asset)
  }
}
