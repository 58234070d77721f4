import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeBundle } from '../bundle.ts'
import { claimed, claimFolder, labFilePath, versionsFrom } from '../ground.ts'
import { image } from '../image.ts'
import type { Lab } from '../lab.ts'
import { containerPackages, installHostPackages } from '../packages.ts'
import { phase } from '../progress.ts'
import { bootContainers, homeOf, keyOf, removeContainers } from './containers.ts'
import { containerLabFile, containers, gateway } from './lab-file.ts'
import { rootTree } from './root-tree.ts'

/** `KEDGE_DISTRIBUTION=k3s` and `KEDGE_EDGE_RUNTIME=cri-o` choose what else the lab is built with. */
const choicesFrom = (environment: Readonly<Record<string, string | undefined>>) => ({
  distribution: environment.KEDGE_DISTRIBUTION === 'k3s' ? ('k3s' as const) : ('kubeadm' as const),
  runtime: environment.KEDGE_EDGE_RUNTIME === 'cri-o' ? ('cri-o' as const) : ('containerd' as const),
  anyKubernetes: environment.KEDGE_ANY_KUBERNETES === '1',
})

/** Brings up the reference lab as system containers: nodes in seconds, at the machine's own speed. */
export async function up(lab: Lab, environment = process.env): Promise<void> {
  await phase('packages of this machine', () => installHostPackages(containerPackages))
  await claimFolder(lab)
  const made = await image(lab.cache)
  const root = await rootTree(made, lab.cache)
  const versions = versionsFrom(environment)
  await phase('bundle', () => makeBundle(join(lab.folder, 'bundle'), made, versions, environment.KEDGE_BUNDLE))
  await mkdir(homeOf(lab), { recursive: true, mode: 0o700 })
  await phase(`containers in network namespace ${lab.name}`, () => bootContainers({ lab, containers }, root, gateway))
  await writeFile(
    labFilePath(lab),
    containerLabFile(lab.name, keyOf(lab), { ...versions, ...choicesFrom(environment) }),
  )
}

/** Removes everything but the cache. */
export async function down(lab: Lab): Promise<void> {
  const remove = claimed(lab)
  await removeContainers(lab)
  await remove()
}
