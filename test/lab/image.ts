import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { makeAptRepositories } from './apt-repository.ts'
import { aptSources } from './apt-sources.ts'
import { makeImageDisk } from './image-disk.ts'
import { makeImageRoot, overlayFolder } from './image-root.ts'
import { distribution } from './packages.ts'
import { phase, say } from './progress.ts'
import { $ } from './shell.ts'

export type Image = {
  /** The VM image. */
  readonly qcow2: string
  /** For each `os-packages` piece `<piece>.tar`, and its packages in `<piece>/debs`. */
  readonly packages: string
  /** Kernel and initial RAM disk of the image, for who boots without a disk. */
  readonly kernel: string
  readonly initrd: string
  /** Names the content: the same recipe has the same key. */
  readonly key: string
}

/**
 * The image of the lab's VMs, from `cache` or made anew (1–2 minutes, root, the machine's own apt sources). Made aside
 * and renamed, so an interrupted build is never taken for an image.
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
    await utimes(folder, new Date(), new Date())
    return found
  }
  await mkdir(cache, { recursive: true })
  await removeStale(cache)
  const aside = join(cache, `building-${process.pid}`)
  await rm(aside, { recursive: true, force: true })
  const root = join(aside, 'root')
  const made = join(aside, 'image')
  try {
    await mkdir(join(made, 'packages'), { recursive: true })
    const log = join(cache, 'mmdebstrap.log')
    await phase(`VM image: root file system (log: ${log})`, () => makeImageRoot(root, log))
    const disk = join(made, 'base.qcow2')
    await phase('VM image: disk', () => makeImageDisk(root, disk, aside))
    await phase('VM image: package repositories', () => makeAptRepositories(disk, join(made, 'packages')))
    await $`cp ${root}/boot/vmlinuz-* ${join(made, 'vmlinuz')}`
    await rename(join(aside, 'initrd'), join(made, 'initrd'))
    await rename(made, folder).catch(async (error) => {
      // Somebody else was as quick with the same recipe.
      if (!(await Bun.file(found.qcow2).exists())) throw error
    })
  } finally {
    // Thousands of files: nobody needs to wait for that.
    spawn('rm', ['-rf', aside], { detached: true, stdio: 'ignore' }).unref()
  }
  return found
}

/** What builds that were killed have left, and images that no lab has asked for in a week. */
async function removeStale(cache: string): Promise<void> {
  const weekMilliseconds = 7 * 24 * 3600 * 1000
  for (const name of await readdir(cache)) {
    const path = join(cache, name)
    const builder = /^building-(\d+)/.exec(name)?.[1]
    const isForsaken = builder !== undefined && !existsSync(`/proc/${builder}`)
    const isOld = name.startsWith('image-') && Date.now() - (await stat(path)).mtimeMs > weekMilliseconds
    if (isForsaken || isOld) await rm(path, { recursive: true, force: true })
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
    ...['package-closure.ts', 'make-repository.ts', 'package-sets.ts'].map((name) =>
      join(import.meta.dir, '../../lib/bundle', name),
    ),
    ...overlay.map((entry) => join(entry.parentPath, entry.name)).sort(),
  ]
  for (const path of paths) hash.update(`${relative(import.meta.dir, path)}\n`).update(await readFile(path))
  return hash.digest('hex').slice(0, 12)
}
