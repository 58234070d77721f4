import { refused } from '../event/failure.ts'
import type { Host } from '../host/host.ts'
import type { Topology } from '../topology/topology.ts'
import { readDefined, virshOn } from './libvirt.ts'
import { forgetHostKey } from './machine-keys.ts'
import { libvirtName } from './names.ts'
import { ownerOf } from './ownership.ts'
import { machineFiles } from './storage.ts'

/**
 * Removes a node's VM, whether the file still names the node or not: the domain with its snapshots, saved state and
 * firmware variables, its files, and its host key. Finds anything from nothing to everything. A domain that kedge did not
 * make is refused.
 */
export async function removeMachine(
  hypervisor: Host,
  topology: Topology,
  node: string,
  stateFolder: string,
): Promise<void> {
  const virsh = virshOn(hypervisor, topology.hypervisor.uri)
  const domain = libvirtName(topology.lab, node)
  const defined = await readDefined(virsh, 'domain', domain)
  if (defined) {
    const owner = ownerOf(defined.definition)
    if (owner?.lab !== topology.lab || !('node' in owner) || owner.node !== node) {
      throw refused(
        `libvirt domain ${domain} was not made by kedge for this lab`,
        'nothing was removed; that domain is yours to keep',
      )
    }
    if (defined.state !== 'shut off') await virsh.run(['destroy', domain])
    await virsh.run(['undefine', domain, '--managed-save', '--snapshots-metadata', '--checkpoints-metadata', '--nvram'])
  }
  const { folder, disk, seed, console } = machineFiles(topology, node)
  // Each with what was being written aside when a run was killed; the console's log rolls over into .0, .1, …
  await hypervisor.$`rm -f ${disk} ${disk}.new ${seed} ${seed}.new ${console} ${console}.[0-9]*`
  await hypervisor.$`rmdir ${folder}`.nothrow().quiet()
  forgetHostKey(stateFolder, node)
}
