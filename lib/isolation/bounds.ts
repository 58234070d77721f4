import { isIP } from 'node:net'
import type { Topology } from '../topology/topology.ts'

/** What is not the outside, although a node may have no way there. */
export type Bounds = {
  /** Ranges of the lab itself; where a node has no route to one, it is told so at once, as without kedge. */
  readonly own: readonly string[]
  /** Who may be asked for names: the cluster's own DNS, and the lab's nodes. */
  readonly mayBeAsked: readonly string[]
  /** Names of the lab's own. */
  readonly names: readonly string[]
}

/** All ranges are IPv4 in CIDR notation. */
export function boundsOf({ networks, nodes, kubernetes }: Topology): Bounds {
  const cluster = [kubernetes.podCidr, kubernetes.serviceCidr]
  const addresses = nodes.flatMap((node) => [
    ...node.networks.map(({ address }) => address),
    ...(node.machine.kind === 'existing' && isIP(node.machine.ssh.host) === 4 ? [node.machine.ssh.host] : []),
  ])
  return {
    own: [...new Set([...networks.map(({ cidr }) => cidr), ...cluster])],
    mayBeAsked: [...new Set([...cluster, ...addresses])],
    names: nodes.map(({ name }) => name),
  }
}
