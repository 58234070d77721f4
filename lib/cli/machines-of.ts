import { type ListedMachine, listMachines } from '../machine/libvirt-inventory.ts'
import { hypervisorNode } from '../topology/topology.ts'
import type { Terminal } from './command.ts'
import type { Lab } from './lab.ts'
import { usesLibvirt } from './removed-nodes.ts'
import type { Session } from './session.ts'

/** The lab's VMs; undefined where libvirt does not answer, which the checks say in their own words. It is not asked where there can be none. */
export async function machinesOf(
  session: Session,
  { signal }: Terminal,
  { topology, stateFolder }: Lab,
): Promise<readonly ListedMachine[] | undefined> {
  if (!usesLibvirt(topology, stateFolder)) return []
  const hypervisor = session.connections.to(hypervisorNode).bind({ signal, onOutput: () => {} })
  return await listMachines(hypervisor, topology).catch(() => undefined)
}
