import { readAsset } from '../bundle/read-asset.ts'
import { refused } from '../event/failure.ts'
import type { TaskContext } from '../task/task.ts'
import { cloudAddress, cloudNetwork } from '../topology/addresses.ts'
import { parseDocuments } from '../topology/parse-documents.ts'
import { guarded, type Workload } from './edge-guard.ts'

type KubernetesObject = { readonly kind: string; readonly data?: Readonly<Record<string, string>> }
type Container = { readonly command?: readonly string[]; readonly args?: readonly string[] }
type FlannelSet = Workload & {
  readonly spec: { readonly template: { readonly spec: { readonly containers?: readonly Container[] } } }
}

/**
 * The bundle's pod network, fitted to this lab: kept off edges before anything is applied, flannel's range set to the
 * lab's, and its traffic on the cloud LAN. Without the last flannel takes the NIC of the default route, and isolated
 * LANs have none.
 */
export function podNetworkObjects(ctx: TaskContext): readonly object[] {
  const asset = ctx.asset('pod-network')
  const documents = parseDocuments(readAsset(asset))
  if (!documents.ok) throw refused(`the bundle's pod-network manifest is not YAML: ${documents.message}`)
  const { podCidr } = ctx.topology.kubernetes
  const addresses = rangePattern(cloudRange(ctx))
  return (documents.values as readonly KubernetesObject[]).map((object) => {
    if (object.kind === 'ConfigMap') return withRange(object, podCidr)
    if (object.kind === 'DaemonSet') return guarded(withInterface(object as unknown as FlannelSet, addresses))
    return object
  })
}

function withRange(map: KubernetesObject, podCidr: string): KubernetesObject {
  const text = map.data?.['net-conf.json']
  if (text === undefined) return map
  const netConf = { ...(JSON.parse(text) as object), Network: podCidr }
  return { ...map, data: { ...map.data, 'net-conf.json': JSON.stringify(netConf) } }
}

function withInterface(set: FlannelSet, addresses: string): FlannelSet {
  const pod = set.spec.template.spec
  const containers = pod.containers?.map((container) =>
    container.command?.some((word) => word.endsWith('flanneld'))
      ? { ...container, args: [...(container.args ?? []), `--iface-regex=${addresses}`] }
      : container,
  )
  if (!containers) return set
  return { ...set, spec: { ...set.spec, template: { ...set.spec.template, spec: { ...pod, containers } } } }
}

/** The cloud LAN; with machines that are on no network of the file, the control plane's address alone. */
const cloudRange = ({ topology, node }: TaskContext): string =>
  cloudNetwork(topology)?.cidr ?? `${cloudAddress(topology, node)}/32`

/** A regular expression for the addresses of a range: whole octets, and the values that the one which is cut may have. */
export function rangePattern(cidr: string): string {
  const [address = '', length = '32'] = cidr.split('/')
  const octets = address.split('.')
  const whole = Math.floor(Number(length) / 8)
  const rest = Number(length) % 8
  const first = Number(octets[whole])
  const values = Array.from({ length: 2 ** (8 - rest) }, (_, index) => String(first + index))
  const parts = [...octets.slice(0, whole), ...(rest > 0 ? [`(${values.join('|')})`] : [])]
  return `^${parts.join('[.]')}${parts.length < 4 ? '[.]' : '$'}`
}
