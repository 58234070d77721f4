import { refused } from '../event/failure.ts'
import type { Host } from '../host/host.ts'
import type { Topology } from '../topology/topology.ts'
import { type KeptImage, removeUnusedBases } from './base-images.ts'
import { readDefined, virshOn } from './libvirt.ts'
import { type Inventory, takeInventory } from './libvirt-inventory.ts'
import { forgetHostKey } from './machine-keys.ts'
import { destroyNetworks } from './networks.ts'
import { madeFor } from './ownership.ts'
import { removeDefined } from './remove-defined.ts'

/**
 * Removes everything in the inventory and nothing else, however much of it is still there; base images go when nothing
 * refers to them any more. Returns those that stay. Refused, before anything is removed, while a VM of somebody else uses
 * a disk or a network of the lab.
 */
export async function destroyLab(
  hypervisor: Host,
  topology: Topology,
  stateFolder: string,
  inventory: Inventory,
): Promise<readonly KeptImage[]> {
  refuseUsed(inventory)
  const virsh = virshOn(hypervisor, topology.hypervisor.uri)
  for (const { domain } of inventory.machines) {
    const defined = await readDefined(virsh, 'domain', domain)
    if (defined && madeFor(topology.lab, defined.definition)) await removeDefined(virsh, 'domain', defined)
  }
  await destroyNetworks(hypervisor, topology)
  // Listed anew: a snapshot or a log may have come since.
  const { folder, files } = await takeInventory(hypervisor, topology, inventory.nodes)
  if (files.length > 0) await hypervisor.$`cd ${folder}; rm -rf -- ${[...files]}`
  await hypervisor.$`rmdir ${folder}`.nothrow().quiet()
  for (const node of inventory.nodes) forgetHostKey(stateFolder, node)
  return await removeUnusedBases(hypervisor, topology, inventory.others)
}

/** `node` limits the question to that one's disks: the lab's networks stay then. */
export function refuseUsed({ usedByOthers }: Inventory, node?: string): void {
  const uses = usedByOthers.filter((use) => node === undefined || use.node === node)
  if (uses.length === 0) return
  throw refused(
    `VMs that kedge did not make use this lab: ${uses.map(({ domain, what }) => `${domain} (${what})`).join(', ')}; nothing was removed`,
    `remove them first, or give them disks and networks of their own: virsh edit ${uses[0]?.domain}`,
  )
}
