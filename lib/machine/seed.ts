import { createHash } from 'node:crypto'
import { iso9660 } from '../bundle/iso9660.ts'
import { addressOn, networkOf } from '../topology/addresses.ts'
import { formatAddress, parseAddress, parseCidr } from '../topology/ipv4.ts'
import type { Node, Topology } from '../topology/topology.ts'
import { cloudLan, hostsFile } from './hosts-file.ts'
import { interfaceName, macAddress } from './names.ts'

/** What the seed hands over: the node's host key pair, and the public line of the key with which kedge logs in as root. */
export type SeedKeys = { readonly hostPrivate: string; readonly hostPublic: string; readonly userPublic: string }

/** The three files of a NoCloud seed. All are JSON, which YAML readers take, so that nothing needs escaping by hand. */
export type SeedFiles = {
  readonly 'meta-data': string
  readonly 'user-data': string
  readonly 'network-config': string
}

/**
 * The disk by which cloud-init learns who the VM is. It holds a private key: write it with mode 0600. The instance-id
 * follows from the content, so a VM that is started with a changed seed takes the change over.
 */
export const seedImage = (topology: Topology, node: Node, keys: SeedKeys): Uint8Array =>
  iso9660('cidata', seedFiles(topology, node, keys))

export function seedFiles(topology: Topology, node: Node, keys: SeedKeys): SeedFiles {
  const user = `#cloud-config\n${json(userData(topology, node, keys))}`
  const network = json(networkConfig(topology, node))
  const content = createHash('sha256').update(user).update('\0').update(network).digest('hex').slice(0, 16)
  const meta = json({ 'instance-id': `kedge-${topology.lab}-${node.name}-${content}`, 'local-hostname': node.name })
  return { 'meta-data': meta, 'user-data': user, 'network-config': network }
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

function userData(topology: Topology, node: Node, keys: SeedKeys): object {
  return {
    hostname: node.name,
    preserve_hostname: false,
    manage_etc_hosts: false,
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: keys.hostPrivate, ed25519_public: keys.hostPublic },
    // Instead of the image's own user: root logs in with the lab's key, and nobody with a password over SSH.
    users: [{ name: 'root', lock_passwd: false }],
    disable_root: false,
    ssh_pwauth: false,
    ssh_authorized_keys: [keys.userPublic],
    write_files: [{ path: '/etc/hosts', permissions: '0644', content: hostsFile(topology, node) }],
    growpart: { mode: 'auto', devices: ['/'] },
    resize_rootfs: true,
    // Nothing that would wait for an internet that isn't there.
    package_update: false,
    package_upgrade: false,
    apt: { preserve_sources_list: true },
    ntp: { enabled: false },
    no_ssh_fingerprints: true,
    ssh: { emit_keys_to_console: false },
  }
}

/** Network configuration of version 2: static addresses by MAC, and no default route, since all LANs are isolated. */
function networkConfig(topology: Topology, node: Node): object {
  const ethernets = node.networks.map(({ network, address, prefixLength }) => {
    const routes = serviceRoute(topology, node, network)
    const ethernet = {
      match: { macaddress: macAddress(topology.lab, node.name, network) },
      'set-name': interfaceName(network),
      dhcp4: false,
      dhcp6: false,
      // A boot never waits for a link.
      optional: true,
      addresses: [`${address}/${prefixLength}`],
      ...(routes.length > 0 ? { routes } : {}),
    }
    return [interfaceName(network), ethernet] as const
  })
  return { version: 2, ethernets: Object.fromEntries(ethernets) }
}

export type Route = { readonly to: string; readonly via: string }

/**
 * Cloud nodes reach Service addresses through rules that rewrite the destination, yet the kernel first wants a route to
 * the address as it stands. Any neighbour will do as the gateway: no packet is ever sent there.
 */
export function serviceRoute(topology: Topology, node: Node, network: string): readonly Route[] {
  if (node.role !== 'control-plane' && node.role !== 'worker') return []
  if (network !== cloudLan(topology)) return []
  const own = addressOn(node, network)
  const neighbour = topology.nodes.find((other) => other !== node && addressOn(other, network))
  const via = (neighbour && addressOn(neighbour, network)) ?? freeAddress(networkOf(topology, network).cidr, own)
  return via ? [{ to: topology.kubernetes.serviceCidr, via }] : []
}

/** An address of the range that is not this one. */
function freeAddress(cidr: string, own: string | undefined): string | undefined {
  const range = parseCidr(cidr)?.range
  if (!range || range.last - range.first < 3) return undefined
  const first = range.first + 1
  return formatAddress(own !== undefined && parseAddress(own) === first ? first + 1 : first)
}
