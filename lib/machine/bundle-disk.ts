import { createHash } from 'node:crypto'
import { TaskError } from '../event/failure.ts'
import type { Asset, TaskContext } from '../task/task.ts'
import { hypervisorTarget } from './connections.ts'
import { inTurn } from './in-turn.ts'
import { labFolder } from './storage.ts'

/**
 * The bundle as one read-only disk that all VMs of the lab share, so that nothing of it is sent to any of them: an ext4
 * image with each piece under its sha256. Made once for each content, after every piece was read and found whole. Returns
 * its path; undefined where the bundle has nothing for nodes, and where the hypervisor is another machine than the one
 * with the bundle, so that pieces go over SSH.
 */
export async function provideBundleDisk(ctx: TaskContext): Promise<string | undefined> {
  const { hypervisor, topology } = ctx
  if (hypervisorTarget(topology.hypervisor.uri)) return undefined
  const pieces = new Map(
    (['file', 'image', 'os-packages', 'manifest'] as const)
      .flatMap((kind) => ctx.assets(kind))
      .map((asset) => [asset.sha256, asset]),
  )
  if (pieces.size === 0) return undefined
  const content = createHash('sha256')
    .update([...pieces.keys()].sort().join('\n'))
    .digest('hex')
  const path = `${labFolder(topology)}/bundle-${content.slice(0, 16)}.img`
  return await inTurn(`${topology.hypervisor.uri} ${path}`, ctx.signal, async () => {
    if ((await hypervisor.$`test -e ${path}`.nothrow()).exitCode !== 0) await makeDisk(ctx, [...pieces.values()], path)
    return path
  })
}

async function makeDisk({ hypervisor, say }: TaskContext, pieces: readonly Asset[], path: string): Promise<void> {
  const bytes = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  say(`the bundle (${Math.ceil(bytes / 2 ** 20)} MiB) becomes a disk for the VMs`)
  const folder = `${path}.pieces`
  const list = pieces.map((piece) => `${piece.sha256}\t${piece.path}\n`).join('')
  // Links where the file system allows, copies elsewhere.
  await hypervisor.$({ input: list })`rm -rf ${folder}; mkdir -p ${folder}
while IFS=$'\\t' read -r sum path; do
  ln -L "$path" ${folder}/"$sum" 2> /dev/null || cp --reflink=auto "$path" ${folder}/"$sum"
done`
  await refuseDamaged(hypervisor.$, pieces, folder)
  // Room for the file system's own tables besides the pieces, each rounded up to a block.
  const mebibytes = Math.ceil((bytes * 1.03) / 2 ** 20) + 16
  await hypervisor.$`mke2fs -q -F -t ext4 -O ^has_journal -m 0 -d ${folder} ${path}.new ${mebibytes}M
chmod 444 ${path}.new; mv ${path}.new ${path}; rm -rf ${folder}`
}

async function refuseDamaged($: TaskContext['$'], pieces: readonly Asset[], folder: string): Promise<void> {
  const { stdout } = await $`cd ${folder}; for piece in *; do
  [ "$(sha256sum < "$piece")" = "$piece  -" ] || echo "$piece"
done`.quiet()
  const damaged = pieces.filter(({ sha256 }) => stdout.includes(sha256))
  if (damaged.length === 0) return
  throw new TaskError({
    kind: 'bundle',
    message: `damaged in the bundle: ${damaged.map(({ name, path }) => `${name} (${path})`).join(', ')}`,
    cure: 'make the bundle again, or copy those pieces to it again',
  })
}
