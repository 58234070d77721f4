import { addressOn, cloudNetwork, managementNetwork } from '../topology/addresses.ts'
import type { Node, NodeAddress, Topology } from '../topology/topology.ts'

/**
 * `/etc/hosts` of a node: every node of the lab at an address that this one can reach. edgecore and kubelet resolve the
 * node's own name to find the address that they report, so that one is on the LAN where the cluster expects it.
 */
export function hostsFile(topology: Topology, node: Node): string {
  const lines = topology.nodes.flatMap((other) => {
    const address = other === node ? ownAddress(topology, node) : addressSeenFrom(topology, node, other)
    return address ? [`${address} ${other.name}`] : []
  })
  const loopback = ['127.0.0.1 localhost', '::1 localhost ip6-localhost ip6-loopback']
  return `${[...loopback, ...lines].join('\n')}\n`
}

/** The node's address on the LAN that it shares with the control plane, else on its first LAN, else for management. */
export function ownAddress(topology: Topology, node: Node): string | undefined {
  const master = controlPlaneOf(topology)
  const lans = lansByPreference(topology, node)
  const shared = node === master ? undefined : lans.find(({ network }) => master && addressOn(master, network))
  return (shared ?? lans[0] ?? node.networks[0])?.address
}

/** Where `from` reaches `to`: on a LAN that they share, else over the management network; undefined where on neither. */
export function addressSeenFrom(topology: Topology, from: Node, to: Node): string | undefined {
  for (const { network } of [...lansByPreference(topology, from), ...from.networks]) {
    const address = addressOn(to, network)
    if (address) return address
  }
  return undefined
}

/** The LAN of the cloud nodes, or undefined in a lab that is no cluster. */
export const cloudLan = (topology: Topology): string | undefined =>
  controlPlaneOf(topology) && cloudNetwork(topology)?.name

/** The node's LANs in the order of the file, except that the cloud LAN comes first. */
function lansByPreference(topology: Topology, node: Node): readonly NodeAddress[] {
  const management = managementNetwork(topology)?.name
  const cloud = cloudLan(topology)
  const lans = node.networks.filter(({ network }) => network !== management)
  return [...lans.filter(({ network }) => network === cloud), ...lans.filter(({ network }) => network !== cloud)]
}

const controlPlaneOf = (topology: Topology): Node | undefined =>
  topology.nodes.find(({ role }) => role === 'control-plane')
