import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lab } from './lab.ts'
import { $ } from './shell.ts'

/** Saves logs of kedge, the VMs' consoles and libvirtd from a lab that is about to go; keys stay out. Returns the folder. */
export async function keepEvidence(lab: Lab): Promise<string> {
  const kept = join(lab.cache, 'last-failure')
  await rm(kept, { recursive: true, force: true })
  await mkdir(kept, { recursive: true })
  const state = join(lab.folder, '.kedge')
  if (existsSync(state)) {
    await $`tar -C ${state} --exclude=keys --exclude=*.sock -cf - . | tar -C ${kept} -xf -`.nothrow()
  }
  await $`find ${join(lab.folder, 'storage')} -name '*.console.log' -exec cp -p {} ${kept} ';'`.nothrow()
  await $`cp -p ${join(lab.folder, 'libvirt/libvirtd.log')} ${join(lab.folder, 'kedge.config.yaml')} ${kept}`.nothrow()
  await $`cp -rp ${join(lab.folder, 'libvirt/var/log/libvirt')} ${kept}`.nothrow()
  return kept
}
