import type { Asset, TaskContext } from '../task/task.ts'

/** Where delivered pieces lie on a node, each under its sha256: a name that is there is whole. */
export const piecesFolder = '/var/lib/kedge/pieces'

const pathOnNode = (asset: Asset) => `${piecesFolder}/${asset.sha256}`

/** Brings a piece to the node, once, and returns its path there. Checked by sha256 at the far end before it gets its name. */
export async function deliver(ctx: TaskContext, asset: Asset): Promise<string> {
  const path = pathOnNode(asset)
  const present = await ctx.$`test -e ${path}`.nothrow()
  if (present.exitCode === 0) return path
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
