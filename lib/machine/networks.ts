import { refused } from '../event/failure.ts'
import type { Host } from '../host/host.ts'
import { type Check, done, pending } from '../task/task.ts'
import type { Network, Topology } from '../topology/topology.ts'
import { overlappingRoutes } from './host-routes.ts'
import { allDefined, type Defined, readDefined, type Virsh, virshOn } from './libvirt.ts'
import { bridgeName, libvirtName } from './names.ts'
import { networkDifferences, networkXml } from './network-xml.ts'
import { madeFor, ownerOf } from './ownership.ts'
import { removeDefined } from './remove-defined.ts'
import { find } from './xml.ts'

/** The networks of the file that a VM is attached to; the others are somebody else's LANs. */
export const vmNetworks = (topology: Topology): readonly Network[] => {
  const used = new Set(
    topology.nodes.flatMap((node) => (node.machine.kind === 'vm' ? node.networks.map(({ network }) => network) : [])),
  )
  return topology.networks.filter(({ name }) => used.has(name))
}

/** Whether every network that a VM needs is defined, is ours and as the file says, runs, and comes back after a reboot. */
export async function checkNetworks(hypervisor: Host, topology: Topology): Promise<Check> {
  const virsh = virshOn(hypervisor, topology.hypervisor.uri)
  const verdicts = await Promise.all(
    vmNetworks(topology).map(async (network) => {
      const name = libvirtName(topology.lab, network.name)
      const defined = await readDefined(virsh, 'network', name)
      if (!defined) return `network ${name} is not defined`
      const objections = objectionsTo(topology, network, defined)
      if (objections.length > 0) return `network ${name}: ${objections.join(', ')}`
      if (!isActive(defined)) return `network ${name} is not active`
      return isAutostarted(defined) ? undefined : `network ${name} does not start by itself`
    }),
  )
  const missing = verdicts.filter((verdict) => verdict !== undefined)
  return missing.length === 0 ? done : pending(missing.join('; '))
}

/**
 * Defines and starts what is missing. What exists is never redefined, since VMs may run on it: a network that is not ours,
 * differs from the file, or would overlap what the host reaches already is refused before anything is made.
 */
export async function createNetworks(hypervisor: Host, topology: Topology): Promise<void> {
  const virsh = virshOn(hypervisor, topology.hypervisor.uri)
  const networks = await Promise.all(
    vmNetworks(topology).map(async (network) => {
      const name = libvirtName(topology.lab, network.name)
      return { network, name, defined: await readDefined(virsh, 'network', name) }
    }),
  )
  for (const { network, name, defined } of networks) if (defined) refuseForeign(topology, network, name, defined)
  const absent = networks.filter(({ defined }) => !defined || !isActive(defined)).map(({ network }) => network)
  if (networks.some(({ defined }) => !defined)) await refuseRenamed(hypervisor, topology, absent)
  await refuseOverlaps(hypervisor, topology, absent)
  for (const { network, name, defined } of networks) await bringUp(virsh, topology.lab, network, name, defined)
}

/** Stops and undefines every network that kedge made for the lab, those that the file no longer names included. */
export async function destroyNetworks(hypervisor: Host, topology: Topology): Promise<void> {
  const { uri } = topology.hypervisor
  for (const network of await allDefined(hypervisor, uri, 'network')) {
    if (madeFor(topology.lab, network.definition)) await removeDefined(virshOn(hypervisor, uri), 'network', network)
  }
}

/** `net-info` says `Active: yes` and the like. */
const isActive = ({ state }: Defined): boolean => /^Active:\s+yes$/m.test(state)
const isAutostarted = ({ state }: Defined): boolean => /^Autostart:\s+yes$/m.test(state)

function objectionsTo(topology: Topology, network: Network, { definition }: Defined): readonly string[] {
  const owner = ownerOf(definition)
  if (!owner || owner.lab !== topology.lab || !('network' in owner)) return ['was not made by kedge for this lab']
  return networkDifferences(topology.lab, network, definition)
}

function refuseForeign(topology: Topology, network: Network, name: string, defined: Defined): void {
  const objections = objectionsTo(topology, network, defined)
  if (objections.length === 0) return
  const isOurs = ownerOf(defined.definition)?.lab === topology.lab
  throw refused(
    `libvirt network ${name} exists, but ${objections.join(', ')}`,
    isOurs
      ? 'kedge destroy, then run again; or set the network in the file back to what it was'
      : `name the lab differently in ${topology.file}, or remove that network: virsh net-destroy ${name}; virsh net-undefine ${name}`,
  )
}

/** Two networks cannot have one bridge, and libvirt says so only when the second one is to be defined. */
async function refuseRenamed(hypervisor: Host, topology: Topology, absent: readonly Network[]): Promise<void> {
  const { lab } = topology
  const others = await allDefined(hypervisor, topology.hypervisor.uri, 'network')
  for (const network of absent) {
    const name = libvirtName(lab, network.name)
    const bridge = bridgeName(lab, network.name)
    const other = others.find(({ definition }) => find(definition, ['bridge'])?.attributes.name === bridge)
    if (!other || other.name === name) continue
    throw refused(
      `libvirt network ${name} is called ${other.name} now: that one has its bridge ${bridge}`,
      `virsh net-destroy ${other.name}; virsh net-undefine ${other.name}; then run again: it is made anew, and the VMs are put back on it`,
    )
  }
}

async function refuseOverlaps(hypervisor: Host, topology: Topology, networks: readonly Network[]): Promise<void> {
  if (networks.length === 0) return
  const own = new Set(topology.networks.map(({ name }) => bridgeName(topology.lab, name)))
  const overlaps = await overlappingRoutes(hypervisor, networks, own)
  if (overlaps.length === 0) return
  throw refused(
    overlaps
      .map(({ network, route, device }) => `network ${network.name} (${network.cidr}) overlaps ${route} on ${device}`)
      .join('; '),
    `give the network another range in ${topology.file}, or take that route or bridge off the hypervisor`,
  )
}

async function bringUp(virsh: Virsh, lab: string, network: Network, name: string, defined?: Defined): Promise<void> {
  if (!defined) await virsh.run(['net-define', '/dev/stdin'], networkXml(lab, network))
  if (!defined || !isAutostarted(defined)) await virsh.run(['net-autostart', name])
  if (!defined || !isActive(defined)) await virsh.run(['net-start', name])
}
