import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { InstanceId } from '../event/event.ts'
import type { ListedMachine } from '../machine/libvirt-inventory.ts'
import type { RemovedNode } from '../report/plan-text.ts'
import { shellWord } from '../report/shell-word.ts'
import { hypervisorNode, type Topology } from '../topology/topology.ts'

/** Whether this lab has VMs, or may have had some: their keys are made before they are. */
export const usesLibvirt = ({ nodes }: Topology, stateFolder: string): boolean =>
  nodes.some(({ machine }) => machine.kind === 'vm') || existsSync(join(stateFolder, 'keys'))

/**
 * Nodes that the file no longer names and that kedge has worked on or has a VM of, with what `kedge destroy --node` would do.
 * `machines` are libvirt's; undefined where it was not asked or did not answer. `kedge`: how kedge is started.
 */
export function removedNodes(
  topology: Topology,
  known: Iterable<InstanceId>,
  machines: readonly ListedMachine[] | undefined,
  options: { readonly hasVms: boolean; readonly kedge: string },
): readonly RemovedNode[] {
  const inFile = new Set([hypervisorNode.name, ...topology.nodes.map(({ name }) => name)])
  const worked = [...known].map((id) => id.slice(id.lastIndexOf('@') + 1))
  const gone = new Set([...(machines ?? []).map(({ node }) => node), ...worked].filter((name) => !inFile.has(name)))
  const leaves = topology.nodes.some(({ role }) => role === 'control-plane') ? ['it leaves the Kubernetes cluster'] : []
  return [...gone].map((node) => ({
    node,
    does: [...machineWords(machines, node, options.hasVms), ...leaves].join('; '),
    command: `${options.kedge} destroy --node ${shellWord(node)}`,
  }))
}

function machineWords(
  machines: readonly ListedMachine[] | undefined,
  node: string,
  hasVms: boolean,
): readonly string[] {
  const machine = machines?.find((each) => each.node === node)
  if (machine) return [`VM ${machine.domain} (${machine.state}) and its disk go`]
  if (!hasVms) return ['kedge forgets it; its machine is yours and stays as it is']
  return [
    machines ? 'it has no VM any more; what is left of its files goes' : 'its VM and disk go, where there are any',
  ]
}
