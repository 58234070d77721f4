import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Image } from '../image.ts'
import { rootStart } from '../image-disk.ts'
import { phase } from '../progress.ts'
import { $ } from '../shell.ts'

/** The VM image's file system as a folder, which all containers share and none changes; kept in `cache`. */
export async function rootTree(image: Image, cache: string): Promise<string> {
  const folder = join(cache, `root-${image.key}`)
  if (existsSync(folder)) return folder
  const aside = join(cache, `building-${process.pid}-root`)
  await rm(aside, { recursive: true, force: true })
  await mkdir(join(aside, 'root'), { recursive: true })
  const raw = join(aside, 'disk.raw')
  try {
    await phase('file system of the containers', async () => {
      await $`qemu-img convert -O raw ${image.qcow2} ${raw}`
      // No mount and no loop device; debugfs exits with 0 whatever happens.
      await $`debugfs -R ${`rdump / ${join(aside, 'root')}`} ${`${raw}?offset=${rootStart}`} 2>&1`
      await $`test -x ${join(aside, 'root/usr/lib/systemd/systemd')}`
    })
    await rename(join(aside, 'root'), folder)
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
  return folder
}
