import { type Cluster, clusterOf, type NodeObject, whyNotReady } from '../distribution/cluster.ts'
import { nameOf, unguardedDaemonSets } from '../distribution/edge-guard.ts'
import { linesOf } from '../host/lines-of.ts'
import { runtimeOf } from '../runtime/runtime.ts'
import type { TaskContext } from '../task/task.ts'
import { cloudcoreAddress } from '../topology/addresses.ts'
import { certificatePort, hubPort } from './ports.ts'

/** One line of the proof: what is claimed, whether it holds, and the figure that shows it. */
export type Finding = { readonly claim: string; readonly holds: boolean; readonly figure: string }

type Pod = {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly ownerReferences?: readonly { readonly kind: string }[]
  }
  readonly spec: { readonly nodeName?: string; readonly nodeSelector?: Readonly<Record<string, string>> }
}

/** What the control plane can tell: nodes, roles, versions, DNS, and nothing of the cloud's on an edge. */
export async function cloudFindings(ctx: TaskContext): Promise<readonly Finding[]> {
  const cluster = clusterOf(ctx)
  const findings: Finding[] = []
  for (const node of ctx.topology.nodes) {
    const object = await cluster.get<NodeObject>('node', node.name)
    const why = whyNotReady(object, node.name)
    const version = object?.status?.nodeInfo?.kubeletVersion ?? 'none'
    findings.push({ claim: `${node.name} is Ready`, holds: !why, figure: why ?? version })
    const { kubeedge, kubernetes } = ctx.topology
    const wanted = node.role === 'edge' ? `-kubeedge-v${kubeedge.version}` : `v${kubernetes.version}`
    const hasVersion = node.role === 'edge' ? version.endsWith(wanted) : version === wanted
    findings.push({ claim: `${node.name} has version ${wanted}`, holds: hasVersion, figure: version })
    const role = `node-role.kubernetes.io/${node.role}`
    const hasRole = node.role === 'worker' || object?.metadata.labels?.[role] !== undefined
    findings.push({ claim: `${node.name} is ${node.role}`, holds: hasRole, figure: hasRole ? role : 'no such label' })
  }
  const dns = await cluster.get<{ status?: { availableReplicas?: number } }>(
    '-n',
    'kube-system',
    'deployment',
    'coredns',
  )
  const replicas = dns?.status?.availableReplicas ?? 0
  findings.push({ claim: 'CoreDNS runs', holds: replicas > 0, figure: `${replicas} available` })
  findings.push(await nothingOnEdges(ctx, cluster))
  return findings
}

async function nothingOnEdges(ctx: TaskContext, cluster: Cluster): Promise<Finding> {
  const unguarded = await unguardedDaemonSets(cluster)
  const edges = new Set(ctx.topology.nodes.filter(({ role }) => role === 'edge').map(({ name }) => name))
  const pods = (await cluster.get<{ items: readonly Pod[] }>('pods', '--all-namespaces'))?.items ?? []
  const strays = pods.filter(
    ({ metadata, spec }) =>
      edges.has(spec.nodeName ?? '') &&
      metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet') &&
      !(spec.nodeSelector && 'node-role.kubernetes.io/edge' in spec.nodeSelector),
  )
  const names = [...unguarded.map(nameOf), ...strays.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)]
  return {
    claim: 'no DaemonSet of the cloud reaches an edge',
    holds: names.length === 0,
    figure: names.join(', ') || 'none',
  }
}

/** What an edge can tell: swap, cgroup driver, and CloudCore on its own LAN with a certificate for exactly that address. */
export async function edgeFindings(ctx: TaskContext): Promise<readonly Finding[]> {
  const { $, node, topology } = ctx
  const address = cloudcoreAddress(topology, node)
  const swap = linesOf(await $`swapon --noheadings --show=NAME`)
  const configured = await runtimeOf(ctx).checkConfigured(ctx)
  const driver = (await $`grep -E 'cgroupDriver: ' /etc/kubeedge/config/edgecore.yaml`.nothrow()).stdout.trim()
  const findings: Finding[] = [
    { claim: `${node.name}: swap is off`, holds: swap.length === 0, figure: swap.join(', ') || 'none' },
    {
      claim: `${node.name}: the runtime uses systemd cgroups`,
      holds: configured.done,
      figure: configured.done ? 'systemd' : configured.why,
    },
    {
      claim: `${node.name}: edgecore uses systemd cgroups`,
      holds: driver.endsWith('systemd'),
      figure: driver || 'not set',
    },
  ]
  for (const port of [hubPort, certificatePort]) {
    const verified =
      await $`timeout 10 openssl s_client -connect ${`${address}:${port}`} -CAfile /etc/kubeedge/ca/rootCA.crt -verify_ip ${address} -verify_return_error </dev/null 2>&1 | grep -E 'Verification|verify error|errno|refused|timed out'`.nothrow()
    const figure = verified.stdout.trim().split('\n')[0] || 'no answer'
    findings.push({
      claim: `${node.name} reaches ${address}:${port} with a valid certificate`,
      holds: figure === 'Verification: OK',
      figure,
    })
  }
  return findings
}
