import type { Host } from '../host/host.ts'
import type { Topology } from '../topology/topology.ts'
import { isBundle } from './domain-disks.ts'
import { allDefined, type Defined } from './libvirt.ts'
import { bridgeName, libvirtName } from './names.ts'
import { madeFor } from './ownership.ts'
import { isMadeByKedge, labFolder } from './storage.ts'
import { find, findAll, type XmlElement } from './xml.ts'

/** A VM of the lab as libvirt knows it; `isInFile` is false for one that the file no longer names. */
export type ListedMachine = {
  readonly node: string
  readonly domain: string
  /** In libvirt's words: `running`, `shut off`, … */
  readonly state: string
  readonly isInFile: boolean
  /** Whether its definition has the bundle as a disk. */
  readonly hasBundle: boolean
}

/** What of a lab there is on the hypervisor, and what stands beside it. */
export type Inventory = {
  /** In the order of the file, those that the file no longer names last. */
  readonly machines: readonly ListedMachine[]
  readonly networks: readonly { readonly name: string; readonly bridge: string }[]
  readonly folder: string
  /** Names in the lab's folder that are kedge's, and those that are not. */
  readonly files: readonly string[]
  readonly strangeFiles: readonly string[]
  /** Nodes that the lab has or had, as far as the file, libvirt and the journal know. */
  readonly nodes: ReadonlySet<string>
  /** Bridges that the lab's networks have or would have. */
  readonly bridges: readonly string[]
  /** Named as if they were of the lab, yet kedge did not make them: `VM paper-edge-1`, `network paper-cloud`. */
  readonly foreign: readonly string[]
  /** What of the lab VMs of others use: disks in its folder, its networks. One sentence each. */
  readonly usedByOthers: readonly { readonly domain: string; readonly what: string; readonly node?: string }[]
  /** All domains that are not the lab's. */
  readonly others: readonly Defined[]
  readonly domainCount: number
  readonly networkCount: number
}

/**
 * Looks, and changes nothing. What is the lab's: the domains and networks that kedge's own mark in libvirt says so of, and
 * in the lab's folder the files of their nodes, of the file's nodes, and of `known` ones, such as the journal's.
 */
export async function takeInventory(
  hypervisor: Host,
  topology: Topology,
  known: Iterable<string> = [],
): Promise<Inventory> {
  const { lab } = topology
  const { uri } = topology.hypervisor
  const folder = labFolder(topology)
  // libvirt first, by itself: where there is none, that is what has to be said.
  const domains = await allDefined(hypervisor, uri, 'domain')
  const [networks, listing] = await Promise.all([
    allDefined(hypervisor, uri, 'network'),
    hypervisor.$`if [ -d ${folder} ]; then ls -A ${folder}/; fi`.quiet(),
  ])
  const machines = machinesOf(topology, domains)
  const ownNetworks = networks.filter(({ definition }) => madeFor(lab, definition))
  const nodes = new Set([...machines.map(({ node }) => node), ...namesOf(topology), ...known])
  const names = listing.stdout.split('\n').filter((name) => name !== '')
  const others = domains.filter(({ definition }) => !madeFor(lab, definition))
  const bridgesOfFile = topology.networks.map(({ name }) => bridgeName(lab, name))
  const listedNetworks = ownNetworks.map(({ name, definition }) => ({ name, bridge: bridgeOf(definition) }))
  return {
    machines,
    networks: listedNetworks,
    folder,
    files: names.filter((name) => isMadeByKedge(name, nodes)),
    strangeFiles: names.filter((name) => !isMadeByKedge(name, nodes)),
    nodes,
    bridges: [...new Set([...bridgesOfFile, ...listedNetworks.map(({ bridge }) => bridge)])].filter(Boolean),
    foreign: [
      ...namesakes(lab, [...nodes], others).map((name) => `VM ${name}`),
      ...namesakes(
        lab,
        topology.networks.map(({ name }) => name),
        networks.filter(({ definition }) => !madeFor(lab, definition)),
      ).map((name) => `network ${name}`),
    ],
    usedByOthers: others.flatMap((other) => usesOf(other, folder, nodes, listedNetworks)),
    others,
    domainCount: domains.length,
    networkCount: networks.length,
  }
}

/** Every VM that kedge made for the lab, in the order of the file, those that the file no longer names last. */
export const listMachines = async (hypervisor: Host, topology: Topology): Promise<readonly ListedMachine[]> =>
  machinesOf(topology, await allDefined(hypervisor, topology.hypervisor.uri, 'domain'))

function machinesOf(topology: Topology, domains: readonly Defined[]): readonly ListedMachine[] {
  const order = topology.nodes.map(({ name }) => name)
  const machines = domains.flatMap(({ definition, name, state }) => {
    const owner = madeFor(topology.lab, definition)
    return owner && 'node' in owner
      ? [
          {
            node: owner.node,
            domain: name,
            state,
            isInFile: order.includes(owner.node),
            hasBundle: findAll(definition, ['devices', 'disk']).some(isBundle),
          },
        ]
      : []
  })
  const place = ({ node }: ListedMachine): number => (order.includes(node) ? order.indexOf(node) : order.length)
  return machines.sort((a, b) => place(a) - place(b) || a.node.localeCompare(b.node))
}

const namesOf = (topology: Topology): readonly string[] =>
  topology.nodes.filter(({ machine }) => machine.kind === 'vm').map(({ name }) => name)

const bridgeOf = (definition: XmlElement): string => find(definition, ['bridge'])?.attributes.name ?? ''

function namesakes(lab: string, names: readonly string[], strangers: readonly Defined[]): readonly string[] {
  const wanted = new Set(names.map((name) => libvirtName(lab, name)))
  return strangers.map(({ name }) => name).filter((name) => wanted.has(name))
}

function usesOf(
  { name: domain, definition }: Defined,
  folder: string,
  nodes: ReadonlySet<string>,
  networks: Inventory['networks'],
): Inventory['usedByOthers'] {
  const sources = findAll(definition, ['devices', 'disk', 'source']).map(({ attributes }) => attributes.file ?? '')
  const files = sources.filter(
    (file) => file.startsWith(`${folder}/`) && isMadeByKedge(file.slice(folder.length + 1), nodes),
  )
  const attached = findAll(definition, ['devices', 'interface', 'source']).map(({ attributes }) => attributes.network)
  return [
    ...files.map((file) => ({ domain, what: file, node: file.slice(folder.length + 1).split('.')[0] ?? '' })),
    ...networks.filter(({ name }) => attached.includes(name)).map(({ name }) => ({ domain, what: `network ${name}` })),
  ]
}
