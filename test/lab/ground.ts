import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { accelerator } from './accelerator.ts'
import { type BundleVersions, makeBundle } from './bundle.ts'
import { image } from './image.ts'
import type { Lab } from './lab.ts'
import { type LabFileOptions, labFile } from './lab-file.ts'
import { type Libvirtd, startLibvirtd, stopLibvirtd } from './libvirtd.ts'
import { createNamespace, removeNamespace } from './namespace.ts'
import { installHostPackages, vmPackages } from './packages.ts'
import { phase } from './progress.ts'
import { $ } from './shell.ts'

/** What stands once the ground is up. */
export type Ground = {
  readonly uri: string
  /** kedge runs here: the lab file is here under its default name, and kedge's state will be. */
  readonly folder: string
}

const libvirtdOf = (lab: Lab): Libvirtd => ({ namespace: lab.name, folder: join(lab.folder, 'libvirt') })
const marker = (lab: Lab) => join(lab.folder, 'kedge-lab')
export const labFilePath = (lab: Lab): string => join(lab.folder, 'kedge.config.yaml')

/** `KEDGE_KUBERNETES` and `KEDGE_KUBEEDGE`: the versions of what `KEDGE_BUNDLE` holds; for stand-ins any pair that fits. */
export const versionsFrom = (environment: Environment): BundleVersions => ({
  kubernetes: environment.KEDGE_KUBERNETES ?? '1.32.10',
  kubeedge: environment.KEDGE_KUBEEDGE ?? '1.23.1',
})

type Environment = Readonly<Record<string, string | undefined>>

/** Brings up all that a kedge run needs on this machine, or finds it up. `text` writes the lab file. */
export async function up(
  lab: Lab,
  environment: Environment = process.env,
  text: (options: LabFileOptions) => string = labFile,
): Promise<Ground> {
  await phase('packages of this machine', () => installHostPackages(vmPackages))
  await claimFolder(lab)
  const made = await image(lab.cache)
  const versions = versionsFrom(environment)
  await phase('bundle', () => makeBundle(join(lab.folder, 'bundle'), made, versions, environment.KEDGE_BUNDLE))
  const runsOn = await phase('accelerator', () => accelerator(made, lab.cache))
  const uri = await phase(`network namespace ${lab.name}, libvirtd`, async () => {
    await createNamespace(lab.name)
    return await startLibvirtd(libvirtdOf(lab), { hideKvm: runsOn === 'tcg' })
  })
  const storage = join(lab.folder, 'storage')
  await mkdir(storage, { recursive: true })
  await writeFile(labFilePath(lab), text({ lab: 'kedge-lab', uri, accelerator: runsOn, storage, ...versions }))
  return { uri, folder: lab.folder }
}

/** The lab as `up` left it. */
export async function standing(lab: Lab): Promise<Ground> {
  if (!existsSync(labFilePath(lab))) throw new Error(`no lab stands in ${lab.folder}: say 'up' first`)
  const uri = /^ {2}uri: (.*)$/m.exec(await readFile(labFilePath(lab), 'utf8'))?.[1] ?? ''
  return { uri, folder: lab.folder }
}

/** Removes everything but the cache. Works from what is on disk, after any crash, and when there is nothing. */
export async function down(lab: Lab): Promise<void> {
  const remove = claimed(lab)
  await stopLibvirtd(libvirtdOf(lab))
  await removeNamespace(lab.name)
  await remove()
}

/** Removes the lab's folder, if `claimFolder` had made it when this was asked: KEDGE_LAB_WORK may be anybody's by mistake. */
export function claimed(lab: Lab): () => Promise<void> {
  const isOurs = existsSync(marker(lab))
  return async () => {
    if (isOurs) await rm(lab.folder, { recursive: true, force: true })
  }
}

/** A folder of the lab's own, which the qemu user can walk into. */
export async function claimFolder(lab: Lab): Promise<void> {
  if (existsSync(lab.folder) && !existsSync(marker(lab)) && (await $`ls -A ${lab.folder}`).stdout !== '') {
    throw new Error(`${lab.folder} is not empty and no lab made it: set KEDGE_LAB_WORK to another folder`)
  }
  await mkdir(lab.folder, { recursive: true })
  await writeFile(marker(lab), 'Made by the lab of kedge; `bun run lab down` removes it.\n')
  for (let path = lab.folder; path !== '/'; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) {
      throw new Error(`qemu runs as a user of its own and cannot enter ${path}: set KEDGE_LAB_WORK to another folder`)
    }
  }
}
