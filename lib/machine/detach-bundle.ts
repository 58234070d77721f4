import { bundleMount } from '../bundle/deliver.ts'
import { refused, TaskError } from '../event/failure.ts'
import type { Host } from '../host/host.ts'
import { toFailure } from '../host/to-failure.ts'
import type { Topology } from '../topology/topology.ts'
import { disksOf, isBundle, targetOf } from './domain-disks.ts'
import { type Virsh, virshOn } from './libvirt.ts'
import { listMachines } from './libvirt-inventory.ts'
import { isBundleImage, labFolder } from './storage.ts'

/** A VM that had the bundle's disk, or had none. */
export type Detached = { readonly node: string; readonly had: boolean }

/**
 * Takes the bundle's disk out of every VM of the lab, running or not, and out of their definitions, after unmounting it
 * there; then the lab's own image or link of it goes. A VM that does not let go keeps it, the others are freed, and this
 * throws what stood in the way. `hostOf` knows no host for a node that the file does not name any more.
 */
export async function detachBundle(
  hypervisor: Host,
  topology: Topology,
  hostOf: (node: string) => Host | undefined,
  tell: (detached: Detached) => void,
): Promise<void> {
  const virsh = virshOn(hypervisor, topology.hypervisor.uri)
  const failures: { readonly node: string; readonly error: unknown }[] = []
  for (const { node, domain, state } of await listMachines(hypervisor, topology)) {
    try {
      const isRunning = state !== 'shut off'
      tell({ node, had: await detachFrom({ virsh, domain, node, isRunning, host: hostOf(node) }) })
    } catch (error) {
      failures.push({ node, error })
    }
  }
  if (failures.length > 0) throw together(failures)
  const folder = labFolder(topology)
  const listing = await hypervisor.$`if [ -d ${folder} ]; then ls -A ${folder}/; fi`.quiet()
  const images = listing.stdout.split('\n').filter(isBundleImage)
  if (images.length > 0) await hypervisor.$`cd ${folder}; rm -rf -- ${images}`
}

type Subject = {
  readonly virsh: Virsh
  readonly domain: string
  readonly node: string
  readonly isRunning: boolean
  readonly host: Host | undefined
}

async function detachFrom({ virsh, domain, node, isRunning, host }: Subject): Promise<boolean> {
  const live = isRunning ? (await disksOf(virsh, domain, [])).find(isBundle) : undefined
  const kept = (await disksOf(virsh, domain, ['--inactive'])).find(isBundle)
  if (live) {
    if (!host)
      throw refused(
        `${node} is not in the file any more, so nothing can be unmounted there`,
        `kedge destroy --node ${node}, or shut the VM down and detach again`,
      )
    await host.$`if mountpoint -q ${bundleMount}; then umount ${bundleMount}; fi`
    await virsh.run(['detach-disk', domain, targetOf(live), '--live'])
    await untilGone(virsh, domain, node)
  }
  if (kept) await virsh.run(['detach-disk', domain, targetOf(kept), '--config'])
  return live !== undefined || kept !== undefined
}

/** libvirt only asks the guest to let go, and does not wait for it for long. */
async function untilGone(virsh: Virsh, domain: string, node: string): Promise<void> {
  for (let look = 0; look < 120; look++) {
    if (!(await disksOf(virsh, domain, [])).some(isBundle)) return
    await Bun.sleep(500)
  }
  throw refused(
    `${node} does not let go of the bundle's disk`,
    `shut the VM down, or try again: virsh shutdown ${domain}`,
  )
}

function together(failures: readonly { readonly node: string; readonly error: unknown }[]): TaskError {
  const told = failures.map(({ node, error }) => ({ node, ...toFailure(error) }))
  const [first] = told
  return new TaskError({
    kind: first?.kind ?? 'refused',
    message: told.map(({ node, message }) => (message.includes(node) ? message : `${node}: ${message}`)).join('; '),
    ...(first?.cure ? { cure: first.cure } : {}),
  })
}
