import { rangeOf } from '../bundle/deliver.ts'
import { refused } from '../event/failure.ts'
import type { Asset, TaskContext } from '../task/task.ts'
import { inTurn } from './in-turn.ts'
import { baseImagePath, labFolder } from './storage.ts'

/**
 * The image on the hypervisor, copied there if it is not: one copy for each content, however many VMs wait for it. It is
 * never changed afterwards, since overlays refer to it. Returns its path.
 */
export async function provideBaseImage(ctx: TaskContext, image: Asset): Promise<string> {
  const { hypervisor, topology } = ctx
  const path = baseImagePath(topology, image.sha256)
  return await inTurn(`${topology.hypervisor.uri} ${path}`, ctx.signal, async () => {
    const size = (await hypervisor.$`stat -c %s ${path}`.nothrow()).stdout.trim()
    // It got its name after its sha256 was found right, so its size says whether anyone has touched it since.
    if (size === String(image.sizeBytes)) return path
    if (size !== '') throw refused(`${path} has ${size} bytes instead of ${image.sizeBytes}`, damagedCure(path))
    ctx.say(`copying the image ${image.name} (${Math.round(image.sizeBytes / 1024 / 1024)} MiB) to the hypervisor`)
    // Within the lab's own folder first, so that what a killed run left of it is known to be nobody else's.
    const incoming = `${labFolder(topology)}/incoming`
    await hypervisor.$`umask 022; rm -rf ${incoming}; mkdir -p ${incoming}`
    await hypervisor.put(image.path, `${incoming}/image`, { ...rangeOf(image), mode: 0o444, sha256: image.sha256 })
    await hypervisor.$`mv -f ${incoming}/image ${path}; rmdir ${incoming}`
    return path
  })
}

const damagedCure = (path: string): string =>
  `something changed that file: kedge destroy the labs that use it, remove ${path}, then run again`

type ImageInfo = { readonly format: string; readonly 'virtual-size': number; readonly 'backing-filename'?: string }

/** Throws TaskError for what cannot be the base of a disk of that size. */
export async function refuseUnfitImage(ctx: TaskContext, path: string, name: string, diskGiB: number): Promise<void> {
  const { stdout } = await ctx.hypervisor.$`qemu-img info -U --output=json ${path}`.quiet()
  const info = JSON.parse(stdout) as ImageInfo
  if (info.format !== 'qcow2') throw refused(`the image ${name} is ${info.format}, not qcow2`, imageCure(name))
  // A stranger's image could name any file of the hypervisor as its lower half.
  const backing = info['backing-filename']
  if (backing !== undefined) throw refused(`the image ${name} is an overlay on ${backing}`, imageCure(name))
  const needed = Math.ceil(info['virtual-size'] / 2 ** 30)
  if (needed > diskGiB) {
    throw refused(
      `the image ${name} needs a disk of ${needed} GiB, and ${ctx.node.name} has ${diskGiB} GiB`,
      `set disk: ${needed}GiB or more for ${ctx.node.name} in ${ctx.topology.file}`,
    )
  }
}

const imageCure = (name: string): string =>
  `qemu-img convert -O qcow2 the image, and put the result into the bundle as ${name}`
