import { readFileSync } from 'node:fs'
import { refused } from '../event/failure.ts'
import type { TaskContext } from '../task/task.ts'
import { cloudAddress } from '../topology/addresses.ts'
import { parseDocuments } from '../topology/parse-documents.ts'
import { type DaemonSet, guarded } from './edge-guard.ts'

type KubernetesObject = { readonly kind: string; readonly data?: Readonly<Record<string, string>> }
type Container = { readonly command?: readonly string[]; readonly args?: readonly string[] }
type FlannelSet = DaemonSet & {
  readonly spec: { readonly template: { readonly spec: { readonly containers?: readonly Container[] } } }
}

/**
 * The bundle's pod network, fitted to this lab: kept off edges before anything is applied, flannel's range set to the
 * lab's, and its traffic on the cloud LAN. Without the last flannel takes the NIC of the default route, and isolated
 * LANs have none.
 */
export function podNetworkObjects(ctx: TaskContext): readonly object[] {
  const asset = ctx.asset('pod-network')
  const documents = parseDocuments(readFileSync(asset.path, 'utf8'))
  if (!documents.ok) throw refused(`the bundle's pod-network manifest is not YAML: ${documents.message}`)
  const { podCidr } = ctx.topology.kubernetes
  const reach = cloudAddress(ctx.topology, ctx.node)
  return (documents.values as readonly KubernetesObject[]).map((object) => {
    if (object.kind === 'ConfigMap') return withRange(object, podCidr)
    if (object.kind === 'DaemonSet') return guarded(withInterface(object as unknown as FlannelSet, reach))
    return object
  })
}

function withRange(map: KubernetesObject, podCidr: string): KubernetesObject {
  const text = map.data?.['net-conf.json']
  if (text === undefined) return map
  const netConf = { ...(JSON.parse(text) as object), Network: podCidr }
  return { ...map, data: { ...map.data, 'net-conf.json': JSON.stringify(netConf) } }
}

function withInterface(set: FlannelSet, reach: string): FlannelSet {
  const pod = set.spec.template.spec
  const containers = pod.containers?.map((container) =>
    container.command?.some((word) => word.endsWith('flanneld'))
      ? { ...container, args: [...(container.args ?? []), `--iface-can-reach=${reach}`] }
      : container,
  )
  if (!containers) return set
  return { ...set, spec: { ...set.spec, template: { ...set.spec.template, spec: { ...pod, containers } } } }
}
