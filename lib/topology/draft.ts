import { parseAddress, parseCidr, type Range } from './ipv4.ts'
import type { Raw, RawNode } from './raw.ts'
import type { Role } from './topology.ts'
import type { YamlFile } from './yaml-file.ts'

export type NetworkDraft = { readonly name: string; readonly management: boolean; readonly range?: Range | undefined }

export type NodeDraft = {
  readonly name: string
  readonly raw: RawNode
  /** Undefined where the file says none, or none that is valid: rules about roles then stay silent about this node. */
  readonly role: Role | undefined
  readonly isVm: boolean
  /** By network name, in the order of the file; undefined where the address is not valid. */
  readonly addresses: ReadonlyMap<string, number | undefined>
  /** False where `networks` is no mapping, or names a network that is not there: then the node may be anywhere. */
  readonly hasSoundNetworks: boolean
  /** The networks that carry traffic between nodes, which the management network does not. */
  readonly lans: readonly string[]
}

/** The parts of the file that several rules look at, read once. */
export type Draft = {
  readonly file: YamlFile
  readonly raw: Raw
  /** False with `extends: none`: then kedge is a task runner, and what Kubernetes and KubeEdge ask for does not apply. */
  readonly isCluster: boolean
  readonly networks: ReadonlyMap<string, NetworkDraft>
  readonly management: NetworkDraft | undefined
  readonly nodes: readonly NodeDraft[]
}

/** Whether the file says something under this key, be it sound or not. */
export const has = <Part extends object>(part: Part | undefined, key: keyof Part): boolean =>
  part !== undefined && Object.hasOwn(part, key)

export function makeDraft(file: YamlFile, raw: Raw): Draft {
  const networks = new Map<string, NetworkDraft>()
  for (const [name, network] of Object.entries(raw.networks ?? {})) {
    const range = network?.cidr === undefined ? undefined : parseCidr(network.cidr)?.range
    networks.set(name, { name, management: network?.management ?? false, range })
  }
  const management = [...networks.values()].find((network) => network.management)
  const nodes = Object.entries(raw.nodes ?? {}).map(([name, node]): NodeDraft => {
    const written = Object.entries(node?.networks ?? {})
    return {
      name,
      raw: node ?? {},
      role: node?.role,
      isVm: !has(node, 'ssh'),
      hasSoundNetworks:
        node !== undefined &&
        (node.networks !== undefined || !has(node, 'networks')) &&
        written.every(([network]) => networks.has(network)),
      addresses: new Map(
        written.map(([network, text]) => [network, text === undefined ? undefined : parseAddress(text)]),
      ),
      lans: written.map(([network]) => network).filter((network) => network !== management?.name),
    }
  })
  return { file, raw, isCluster: !has(raw, 'extends'), networks, management, nodes }
}
