import { formatAddress, parseCidr } from './ipv4.ts'
import type { Network, Node, NodeAddress, Topology } from './topology.ts'

/** The node that Kubernetes' control plane and CloudCore run on. Throws where the lab has none (`extends: none`). */
export function controlPlane(topology: Topology): Node {
  const node = topology.nodes.find(({ role }) => role === 'control-plane')
  if (!node) throw new Error(`Lab ${topology.lab} has no control plane`)
  return node
}

/** The network of that name. Throws where there is none: names in a loaded topology are known to be good. */
export function networkOf(topology: Topology, name: string): Network {
  const network = topology.networks.find((candidate) => candidate.name === name)
  if (!network) throw new Error(`Lab ${topology.lab} has no network ${name}`)
  return network
}

export const managementNetwork = (topology: Topology): Network | undefined =>
  topology.networks.find(({ management }) => management)

/** The node's address on the network of that name. */
export const addressOn = (node: Node, network: string): string | undefined =>
  node.networks.find((entry) => entry.network === network)?.address

/** What the hypervisor is given on the management network: the first address of the range. */
export function hypervisorAddress(topology: Topology): NodeAddress | undefined {
  const network = managementNetwork(topology)
  const range = network && parseCidr(network.cidr)?.range
  return range && { network: network.name, address: formatAddress(range.first + 1), prefixLength: range.prefixLength }
}

/** The node's networks without the management network, on which kedge alone moves. */
function lansOf(topology: Topology, node: Node): readonly NodeAddress[] {
  const management = managementNetwork(topology)?.name
  return node.networks.filter(({ network }) => network !== management)
}

/**
 * The LAN that the control plane and every worker share, on which Kubernetes' own traffic goes: the first such in the control
 * plane's order. With a control plane alone its first LAN. Undefined where existing machines are on no network of the file.
 */
export function cloudNetwork(topology: Topology): Network | undefined {
  const workers = topology.nodes.filter(({ role }) => role === 'worker')
  const shared = lansOf(topology, controlPlane(topology)).find(({ network }) =>
    workers.every((worker) => addressOn(worker, network)),
  )
  return shared && networkOf(topology, shared.network)
}

/**
 * The address at which a cloud node is known within Kubernetes: the one on the cloud network or, for an existing machine on no
 * network of the file, the one that SSH uses. Throws for a node without either.
 */
export function cloudAddress(topology: Topology, node: Node): string {
  const network = cloudNetwork(topology)
  const address = network && addressOn(node, network.name)
  if (address) return address
  if (!network && node.machine.kind === 'existing') return node.machine.ssh.host
  throw new Error(`${node.name} has no address on the cloud network of lab ${topology.lab}`)
}

/**
 * Where this edge reaches CloudCore: what the file says, else the control plane's address on the first LAN that both are on.
 * Throws for a node without either.
 */
export function cloudcoreAddress(topology: Topology, edge: Node): string {
  if (edge.cloudcore) return edge.cloudcore
  const master = controlPlane(topology)
  for (const { network } of lansOf(topology, edge)) {
    const address = addressOn(master, network)
    if (address) return address
  }
  throw new Error(`${edge.name} shares no LAN with the control plane of lab ${topology.lab}`)
}

/** Every address under which CloudCore must be known, for its certificate: on the cloud network first, then as each edge sees it. */
export function advertiseAddresses(topology: Topology): string[] {
  const edges = topology.nodes.filter(({ role }) => role === 'edge')
  const seenByEdges = edges.map((edge) => cloudcoreAddress(topology, edge))
  return [...new Set([cloudAddress(topology, controlPlane(topology)), ...seenByEdges])]
}

/** The edge's own address on the LAN where it reaches CloudCore; undefined where the file does not say. */
export function addressToCloud(topology: Topology, edge: Node): string | undefined {
  if (edge.cloudcore) return undefined
  const master = controlPlane(topology)
  return lansOf(topology, edge).find(({ network }) => addressOn(master, network))?.address
}
