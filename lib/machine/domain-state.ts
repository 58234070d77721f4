import type { Machine, Node } from '../topology/topology.ts'
import type { Defined } from './libvirt.ts'
import { libvirtName, macAddress } from './names.ts'
import { ownerOf } from './ownership.ts'
import { find, findAll, type XmlElement } from './xml.ts'

/** How a defined domain stands against the file. */
export type DomainState = {
  /** kedge made it, for this node of this lab. */
  readonly isOurs: boolean
  readonly isRunning: boolean
  /** `shut off`, `paused`, `crashed`, … in libvirt's words. */
  readonly state: string
  /** What cannot be changed on a VM that exists, in words. */
  readonly differences: readonly string[]
  /** Networks of the file that it has no NIC on; NICs beyond the file's are nobody's business. */
  readonly networksWithoutNic: readonly string[]
}

export function compareDomain(
  lab: string,
  node: Node,
  machine: Extract<Machine, { kind: 'vm' }>,
  defined: Defined,
): DomainState {
  const { definition, state } = defined
  const owner = ownerOf(definition)
  const cpus = Number(find(definition, ['vcpu'])?.text)
  const memoryMiB = memoryOf(definition)
  const nics = new Set(
    findAll(definition, ['devices', 'interface']).map(
      (nic) => `${find(nic, ['source'])?.attributes.network} ${find(nic, ['mac'])?.attributes.address}`,
    ),
  )
  const hasNic = (network: string): boolean =>
    nics.has(`${libvirtName(lab, network)} ${macAddress(lab, node.name, network)}`)
  return {
    isOurs: owner?.lab === lab && 'node' in owner && owner.node === node.name,
    isRunning: state === 'running',
    state,
    differences: [
      ...(cpus === machine.cpus ? [] : [`cpus ${cpus} instead of ${machine.cpus}`]),
      ...(memoryMiB === machine.memoryMiB ? [] : [`memory ${memoryMiB} MiB instead of ${machine.memoryMiB} MiB`]),
    ],
    networksWithoutNic: node.networks.map(({ network }) => network).filter((network) => !hasNic(network)),
  }
}

const unitsInKiB: Readonly<Record<string, number>> = {
  b: 1 / 1024,
  KiB: 1,
  k: 1,
  MiB: 1024,
  M: 1024,
  GiB: 1024 ** 2,
  G: 1024 ** 2,
}

function memoryOf(definition: XmlElement): number {
  const memory = find(definition, ['memory'])
  return (Number(memory?.text) * (unitsInKiB[memory?.attributes.unit ?? 'KiB'] ?? 1)) / 1024
}
