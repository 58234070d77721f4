import type { Host } from '../host/host.ts'
import { overlaps, parseCidr } from '../topology/ipv4.ts'
import type { Network } from '../topology/topology.ts'

/** A range that the hypervisor reaches already and that a network of the file would cover in part or whole. */
export type Overlap = { readonly network: Network; readonly route: string; readonly device: string }

/** What `overlapsIn` reads. */
export const showRoutes = ['ip', '-4', 'route', 'show', 'table', 'all'] as const

/**
 * Which of the networks overlap a route of the hypervisor (the ranges of its own interfaces are routes too), leaving out
 * routes on the given devices.
 */
export async function overlappingRoutes(
  hypervisor: Host,
  networks: readonly Network[],
  ownDevices: ReadonlySet<string>,
): Promise<readonly Overlap[]> {
  const { stdout } = await hypervisor.$`${[...showRoutes]}`
  return overlapsIn(stdout, networks, ownDevices)
}

/** The same from what `ip` has printed. */
export function overlapsIn(
  shown: string,
  networks: readonly Network[],
  ownDevices: ReadonlySet<string>,
): readonly Overlap[] {
  const routes = parseRoutes(shown).filter(({ device }) => !ownDevices.has(device))
  return networks.flatMap((network) => {
    const range = parseCidr(network.cidr)?.range
    if (!range) return []
    const hit = routes.find((route) => {
      const other = parseCidr(route.cidr)?.range
      return other !== undefined && overlaps(range, other)
    })
    return hit ? [{ network, route: hit.cidr, device: hit.device }] : []
  })
}

/**
 * From lines such as `192.168.1.0/24 dev eth0 proto kernel …`. Only what leads to a place counts: no default route, nor the
 * halves of the whole range that VPNs put in its place, nor the kernel's local and broadcast entries.
 */
function parseRoutes(output: string): readonly { readonly cidr: string; readonly device: string }[] {
  return output.split('\n').flatMap((line) => {
    const [, destination, device] = /^(\d[\d.]+(?:\/\d+)?) .*?\bdev (\S+)/.exec(line) ?? []
    if (!destination || !device) return []
    const cidr = destination.includes('/') ? destination : `${destination}/32`
    return Number(cidr.split('/')[1]) >= 4 ? [{ cidr, device }] : []
  })
}
