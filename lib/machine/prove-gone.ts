import type { Host } from '../host/host.ts'
import type { Topology } from '../topology/topology.ts'
import { type Inventory, takeInventory } from './libvirt-inventory.ts'

/** What was looked at once more after the removal, one line each, and what of the lab was found there. */
export type Proof = { readonly looked: readonly string[]; readonly left: readonly string[] }

/** Asks libvirt, the storage folder, and this host's links and neighbours again for what was in the inventory. */
export async function proveGone(hypervisor: Host, topology: Topology, before: Inventory): Promise<Proof> {
  const now = await takeInventory(hypervisor, topology, before.nodes)
  // Not /sys/class/net: that shows the network namespace in which it was mounted.
  const { stdout } = await hypervisor.$`cat /proc/net/dev /proc/net/arp`.quiet()
  const bridges = new Set([...before.bridges, ...now.bridges])
  const links = [...stdout.matchAll(/^\s*([^\s:]+):\s/gm)].flatMap(([, name = '']) => (bridges.has(name) ? [name] : []))
  const neighbours = [...stdout.matchAll(/^(\d[\d.]+)\s.*\s(\S+)$/gm)].filter(([, , device = '']) =>
    bridges.has(device),
  )
  const left = [
    ...now.machines.map(({ domain }) => `domain ${domain}`),
    ...now.networks.map(({ name }) => `network ${name}`),
    ...now.files.map((name) => `file ${now.folder}/${name}`),
    ...links.map((name) => `link ${name}`),
    ...neighbours.map(([, address, device]) => `neighbour ${address} on ${device}`),
  ]
  const { uri } = topology.hypervisor
  const count = (found: number, all: number) => `${found} of ${all}`
  return {
    left,
    looked: [
      `libvirt at ${uri}: of this lab ${count(now.machines.length, now.domainCount)} VMs, ${count(now.networks.length, now.networkCount)} networks`,
      `${now.folder}: ${now.files.length === 0 ? 'nothing of kedge’s' : now.files.join(', ')}`,
      `links of this host: ${links.join(', ') || `none of ${[...bridges].join(', ') || 'this lab'}`}`,
      `its neighbours: ${neighbours.length === 0 ? 'none on those' : neighbours.map(([, address]) => address).join(', ')}`,
    ],
  }
}

/** The same for one node of a lab that stays. */
export async function proveNodeGone(
  hypervisor: Host,
  topology: Topology,
  before: Inventory,
  node: string,
): Promise<Proof> {
  const now = await takeInventory(hypervisor, topology, before.nodes)
  const machines = now.machines.filter((machine) => machine.node === node).map(({ domain }) => `domain ${domain}`)
  const files = now.files.filter((name) => name.startsWith(`${node}.`)).map((name) => `file ${now.folder}/${name}`)
  return {
    left: [...machines, ...files],
    looked: [
      `libvirt at ${topology.hypervisor.uri}: ${machines.join(', ') || `no VM of ${node} among ${now.domainCount}`}`,
      `${now.folder}: ${files.join(', ') || `nothing of ${node}`}`,
    ],
  }
}
