import { refused } from '../event/failure.ts'
import type { Host } from '../host/host.ts'
import type { Node, Topology } from '../topology/topology.ts'
import { libvirtUri } from './libvirt.ts'
import { bridgeName, libvirtName } from './names.ts'

/** A NIC of a running VM whose end on the hypervisor is not on the bridge of its network. */
export type LooseNic = { readonly network: string; readonly end: string; readonly bridge: string }

/**
 * A network that was stopped, or removed and made again, has a new bridge, and VMs that ran meanwhile are not on it, though
 * libvirt still calls them connected. Empty where the VM does not run, or its ends cannot be seen from here.
 */
export async function looseNics(hypervisor: Host, topology: Topology, node: Node): Promise<readonly LooseNic[]> {
  const { lab } = topology
  const connect = libvirtUri(topology.hypervisor.uri)
  const domain = libvirtName(lab, node.name)
  const { stdout } = await hypervisor.$`LC_ALL=C virsh -q -c ${connect} domiflist ${domain}; ip -o link`
    .nothrow()
    .quiet()
  const bridgeOf = new Map(
    [...stdout.matchAll(/^\d+: ([^:@\s]+)(?:@\S+)?: (.*)$/gm)].map(([, link = '', rest = '']) => [
      link,
      / master (\S+)/.exec(rest)?.[1] ?? 'none',
    ]),
  )
  const endOn = new Map(
    [...stdout.matchAll(/^\s*(\S+)\s+network\s+(\S+)\s/gm)].map(([, end = '', network = '']) => [network, end]),
  )
  return node.networks.flatMap(({ network }) => {
    const end = endOn.get(libvirtName(lab, network)) ?? ''
    const bridge = bridgeName(lab, network)
    const found = bridgeOf.get(end)
    return found === undefined || found === bridge ? [] : [{ network, end, bridge }]
  })
}

/** Puts them back, with no notice to the guest. */
export async function plugBack(hypervisor: Host, nics: readonly LooseNic[]): Promise<void> {
  for (const { network, end, bridge } of nics) {
    if ((await hypervisor.$`ip link set dev ${end} master ${bridge}`.nothrow()).exitCode === 0) continue
    throw refused(
      `the NIC on ${network} is plugged in nowhere, and could not be put back on the bridge ${bridge}`,
      `as root on the hypervisor: ip link set dev ${end} master ${bridge}; then run again`,
    )
  }
}
