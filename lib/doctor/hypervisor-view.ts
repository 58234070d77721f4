import type { LocatedPiece } from '../bundle/bundle.ts'
import type { ClockOffset } from '../host/clock-offset.ts'
import type { Machine, Node, Topology } from '../topology/topology.ts'

/** What a look at the machine with libvirt goes by. */
export type HypervisorView = {
  readonly topology: Topology
  /** Where it is another machine than this one: its clock against this one's. */
  readonly offset?: ClockOffset
  /** Names of the VMs that it is about, where it is not about all. */
  readonly vms?: ReadonlySet<string>
  /** What the lab's bundle holds, where there is one. */
  readonly pieces?: readonly LocatedPiece[]
}

type VirtualNode = Node & { readonly machine: Extract<Machine, { readonly kind: 'vm' }> }

/** `1 VM`, `4 VMs`. */
export const vmsInWords = ({ length }: readonly unknown[]): string => `${length} ${length === 1 ? 'VM' : 'VMs'}`

export const vmsOf = ({ topology, vms }: HypervisorView): readonly VirtualNode[] =>
  topology.nodes
    .filter((node): node is VirtualNode => node.machine.kind === 'vm')
    .filter(({ name }) => vms?.has(name) ?? true)
