import { refused, type TaskError } from '../event/failure.ts'
import type { Host } from '../host/host.ts'
import type { Topology } from '../topology/topology.ts'
import { readDefined, virshOn } from './libvirt.ts'
import { forgetHostKey } from './machine-keys.ts'
import { libvirtName, stableUuid } from './names.ts'
import { madeFor } from './ownership.ts'
import { removeDefined } from './remove-defined.ts'
import { labFolder } from './storage.ts'

/**
 * Removes a node's VM, whether the file still names the node or not: the domain, whatever it is called by now, with its
 * snapshots, saved state and firmware variables, its files, and its host key. Finds anything from nothing to everything. A
 * domain of that name that kedge did not make is refused.
 */
export async function removeMachine(
  hypervisor: Host,
  topology: Topology,
  node: string,
  stateFolder: string,
): Promise<void> {
  const { lab } = topology
  const virsh = virshOn(hypervisor, topology.hypervisor.uri)
  const named = await readDefined(virsh, 'domain', libvirtName(lab, node))
  const ownerOfNamed = named && madeFor(lab, named.definition)
  const isOurs = ownerOfNamed && 'node' in ownerOfNamed && ownerOfNamed.node === node
  if (named && !isOurs) {
    throw refuseForeign(named.name)
  }
  const defined = named ?? (await readDefined(virsh, 'domain', stableUuid(lab, 'node', node)))
  if (defined && madeFor(lab, defined.definition)) await removeDefined(virsh, 'domain', defined)
  await removeFilesOf(hypervisor, topology, node)
  forgetHostKey(stateFolder, node)
}

export const refuseForeign = (domain: string): TaskError =>
  refused(
    `libvirt domain ${domain} was not made by kedge for this lab`,
    'nothing was removed; that domain is yours to keep',
  )

/** Disk, seed and console, what was being written aside when a run was killed, and overlays of snapshots: no name has a dot. */
export async function removeFilesOf(hypervisor: Host, topology: Topology, node: string): Promise<void> {
  const folder = labFolder(topology)
  await hypervisor.$`rm -f ${folder}/${node}.*`
  await hypervisor.$`rmdir ${folder}`.nothrow().quiet()
}
