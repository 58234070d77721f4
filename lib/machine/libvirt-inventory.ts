import type { Host } from '../host/host.ts'
import type { Topology } from '../topology/topology.ts'
import { libvirtUri, ownDefinitions, virshOn } from './libvirt.ts'
import { bridgeName } from './names.ts'
import { destroyNetworks } from './networks.ts'
import { ownerOf } from './ownership.ts'
import { removeMachine } from './remove-machine.ts'
import { labFolder } from './storage.ts'

/** A VM of the lab as libvirt knows it; `isInFile` is false for one that the file no longer names. */
export type ListedMachine = {
  readonly node: string
  readonly domain: string
  /** In libvirt's words: `running`, `shut off`, … */
  readonly state: string
  readonly isInFile: boolean
}

/** Every VM that kedge made for the lab, in the order of the file, those that the file no longer names last. */
export async function listMachines(hypervisor: Host, topology: Topology): Promise<readonly ListedMachine[]> {
  const virsh = virshOn(hypervisor, topology.hypervisor.uri)
  const order = topology.nodes.map(({ name }) => name)
  const machines = (await ownDefinitions(virsh, 'domain', topology.lab)).flatMap(({ definition, name, state }) => {
    const owner = ownerOf(definition)
    return owner && 'node' in owner
      ? [{ node: owner.node, domain: name, state, isInFile: order.includes(owner.node) }]
      : []
  })
  const place = ({ node }: ListedMachine): number => (order.includes(node) ? order.indexOf(node) : order.length)
  return machines.sort((a, b) => place(a) - place(b) || a.node.localeCompare(b.node))
}

/**
 * Removes everything that kedge made for the lab on the hypervisor, and only that, however much of it is there; base
 * images go when no overlay of any lab refers to them. Returns what is left, which should be nothing.
 */
export async function destroyLab(
  hypervisor: Host,
  topology: Topology,
  stateFolder: string,
): Promise<readonly string[]> {
  const made = (await listMachines(hypervisor, topology)).map(({ node }) => node)
  const named = topology.nodes.filter(({ machine }) => machine.kind === 'vm').map(({ name }) => name)
  for (const node of new Set([...made, ...named])) await removeMachine(hypervisor, topology, node, stateFolder)
  await destroyNetworks(hypervisor, topology)
  // Whatever a killed run or an older version of the file left in the lab's own folder.
  await hypervisor.$`rm -rf ${labFolder(topology)}`
  await removeUnusedBases(hypervisor, topology)
  return await leftovers(hypervisor, topology)
}

/** What of the lab there still is on the hypervisor, one line each. */
export async function leftovers(hypervisor: Host, topology: Topology): Promise<readonly string[]> {
  const virsh = virshOn(hypervisor, topology.hypervisor.uri)
  const [domains, networks, files, links] = await Promise.all([
    ownDefinitions(virsh, 'domain', topology.lab),
    ownDefinitions(virsh, 'network', topology.lab),
    hypervisor.$`find ${labFolder(topology)} -type f`.nothrow().quiet(),
    hypervisor.$`ls /sys/class/net`,
  ])
  const bridges = topology.networks.map(({ name }) => bridgeName(topology.lab, name))
  const present = new Set(links.stdout.trim().split(/\s+/))
  return [
    ...domains.map(({ name }) => `domain ${name}`),
    ...networks.map(({ name }) => `network ${name}`),
    ...files.stdout
      .split('\n')
      .filter((path) => path !== '')
      .map((path) => `file ${path}`),
    ...bridges.filter((bridge) => present.has(bridge)).map((bridge) => `bridge ${bridge}`),
  ]
}

/** A base image is in use while a disk of any lab here, or a domain of anyone, refers to it. */
async function removeUnusedBases(hypervisor: Host, topology: Topology): Promise<void> {
  const { storage, uri } = topology.hypervisor
  const virsh = ['virsh', '-q', '-c', libvirtUri(uri)]
  await hypervisor.$`
    cd ${storage} 2> /dev/null || exit 0
    export LC_ALL=C
    used=$(mktemp); trap 'rm -f "$used"' EXIT
    find . -mindepth 2 -maxdepth 2 -name '*.qcow2*' -exec qemu-img info -U {} ';' > "$used"
    domains=$(${virsh} list --all --uuid)
    for domain in $domains; do ${virsh} dumpxml "$domain" >> "$used"; done
    for base in base-*.qcow2; do
      if [ -e "$base" ] && ! grep -qF "$base" "$used"; then rm -f "$base"; fi
    done
    cd /; rmdir ${storage} 2> /dev/null || true`.quiet()
}
