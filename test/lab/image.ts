import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeAptRepository } from './apt-repository.ts'
import { aptSources } from './apt-sources.ts'
import { makeImageDisk } from './image-disk.ts'
import { packageSets } from './image-packages.ts'
import { makeImageRoot, overlayFolder } from './image-root.ts'
import { distribution } from './packages.ts'
import { phase, say } from './progress.ts'
import { $ } from './shell.ts'

export type Image = {
  /** The VM image. */
  readonly qcow2: string
  /** For each package set `<set>.tar`, a flat apt repository of it and all it needs that the image lacks, and its folder. */
  readonly packages: string
  /** Kernel and initial RAM disk of the image, for who boots without a disk. */
  readonly kernel: string
  readonly initrd: string
  /** Names the content: the same recipe has the same key. */
  readonly key: string
}

/**
 * The image of the lab's VMs, from `cache` or made anew (1–2 minutes, root, the machine's own apt sources). Made aside
 * and renamed, so an interrupted build is never taken for an image. Older ones are removed once the new one is there.
 */
export async function image(cache: string): Promise<Image> {
  const key = await recipeKey()
  const folder = join(cache, `image-${key}`)
  const found: Image = {
    qcow2: join(folder, 'base.qcow2'),
    packages: join(folder, 'packages'),
    kernel: join(folder, 'vmlinuz'),
    initrd: join(folder, 'initrd'),
    key,
  }
  if (await Bun.file(found.qcow2).exists()) {
    say(`VM image ${key} is in ${cache}`)
    return found
  }
  await mkdir(cache, { recursive: true })
  const aside = await mkdtemp(join(cache, 'building-'))
  // mmdebstrap insists on a root folder that everybody may enter.
  await $`chmod 755 ${aside}`
  try {
    const root = join(aside, 'root')
    const made = join(aside, 'image')
    await mkdir(join(made, 'packages'), { recursive: true })
    const log = join(cache, 'mmdebstrap.log')
    await phase(`VM image: root file system (log: ${log})`, () => makeImageRoot(root, join(made, 'packages'), log))
    await phase('VM image: disk', () => makeImageDisk(root, join(made, 'base.qcow2'), aside))
    for (const name of Object.keys(packageSets)) {
      await makeAptRepository(join(made, 'packages', name), join(made, 'packages', `${name}.tar`))
    }
    await $`cp ${root}/boot/vmlinuz-* ${join(made, 'vmlinuz')}`
    await rename(join(aside, 'initrd'), join(made, 'initrd'))
    await rename(made, folder)
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
  await removeOthers(cache, `image-${key}`)
  return found
}

async function removeOthers(cache: string, kept: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (name.startsWith('image-') && name !== kept) await rm(join(cache, name), { recursive: true, force: true })
  }
}

/** Sources, suite, and every file that has a say in the image. */
async function recipeKey(): Promise<string> {
  const hash = createHash('sha256')
  const { id, codename } = await distribution()
  hash.update([id, codename, ...(await aptSources())].join('\n'))
  const overlay = (await readdir(overlayFolder, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  )
  const paths = [
    ...['image-packages.ts', 'image-root.ts', 'image-disk.ts', 'image-init.sh', 'apt-repository.ts'].map((name) =>
      join(import.meta.dir, name),
    ),
    ...overlay.map((entry) => join(entry.parentPath, entry.name)).sort(),
  ]
  for (const path of paths) hash.update(`${path.slice(import.meta.dir.length)}\n`).update(await readFile(path))
  return hash.digest('hex').slice(0, 12)
}
