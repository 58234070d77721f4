import { clusterOf, type NodeObject, whyNotReady } from '../distribution/cluster.ts'
import { isGuarded, isMeantForEdges, nameOf, type Workload, workloadsOf } from '../distribution/edge-guard.ts'
import { missingLabels } from '../distribution/node-labels.ts'
import type { TaskContext } from '../task/task.ts'
import type { Node, Topology } from '../topology/topology.ts'
import { once, type Question, type Verdict } from './finding.ts'

type Pod = {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels?: Readonly<Record<string, string>>
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[]
  }
  readonly spec: { readonly nodeName?: string }
  readonly status?: {
    readonly phase?: string
    readonly containerStatuses?: readonly { readonly state?: { readonly waiting?: { readonly reason?: string } } }[]
  }
}

/** What the cluster can tell of these nodes; with the control plane among them also what concerns the cluster as a whole. */
export function clusterQuestions(ctx: TaskContext, about: readonly Node[]): readonly Question[] {
  const cluster = clusterOf(ctx)
  const nodes = once(() => cluster.nodes())
  const workloads = once(() => workloadsOf(cluster))
  const daemonSets = async () => (await workloads()).filter(({ kind }) => kind === 'DaemonSet')
  const pods = once(async () => (await cluster.get<{ items: readonly Pod[] }>('pods', '--all-namespaces'))?.items ?? [])
  const edges = new Set(ctx.topology.nodes.filter(({ role }) => role === 'edge').map(({ name }) => name))

  return about.flatMap((node): readonly Question[] => {
    const question = (claim: string, ask: () => Promise<Verdict>): Question => ({ node: node.name, claim, ask })
    const seen = (claim: string, judge: (object: NodeObject | undefined) => Verdict) =>
      question(claim, async () => judge((await nodes()).find(({ metadata }) => metadata.name === node.name)))
    const version = wantedVersion(ctx.topology, node)
    const questions = [
      seen('is Ready', (object) => readiness(object, node)),
      seen(`has version ${version}`, (object) => versionOf(object, version)),
      seen(`has the role ${node.role}`, (object) => roleOf(object, node)),
    ]
    if (Object.keys(node.labels).length > 0) questions.push(seen('has its labels', (object) => labelsOf(object, node)))
    if (node.role === 'edge') {
      questions.push(
        question('no DaemonSet pod of the cloud is here', async () => noStrays(node, await daemonSets(), await pods())),
      )
    }
    if (node.role === 'control-plane') {
      questions.push(
        question('CoreDNS runs', async () => coreDns((await workloads()).find(isCoreDns), await pods(), edges)),
        question('every DaemonSet of the cloud keeps off edges', async () => {
          const unguarded = (await daemonSets()).filter((daemonSet) => !isGuarded(daemonSet))
          const figure = unguarded.map(nameOf).join(', ') || `${(await daemonSets()).length} do`
          return { holds: unguarded.length === 0, figure }
        }),
      )
    }
    return questions
  })
}

/** An edge's begins with that of the kubelet inside edgecore, which is KubeEdge's business. */
const wantedVersion = ({ kubeedge, kubernetes }: Topology, { role }: Node): string =>
  role === 'edge' ? `…-kubeedge-v${kubeedge.version}` : `v${kubernetes.version}`

function readiness(object: NodeObject | undefined, { name }: Node): Verdict {
  const why = whyNotReady(object, name)
  const address = object?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
  return { holds: !why, figure: why ?? address ?? 'without an address' }
}

function versionOf(object: NodeObject | undefined, wanted: string): Verdict {
  const found = object?.status?.nodeInfo?.kubeletVersion ?? 'none'
  return { holds: wanted.startsWith('…') ? found.endsWith(wanted.slice(1)) : found === wanted, figure: found }
}

const rolePrefix = 'node-role.kubernetes.io/'

/** A worker's role is to have none; K3s and older kubeadms give a control plane more than one name. */
function roleOf(object: NodeObject | undefined, { role }: Node): Verdict {
  const found = Object.keys(object?.metadata.labels ?? {})
    .filter((label) => label.startsWith(rolePrefix))
    .map((label) => label.slice(rolePrefix.length))
  const holds =
    role === 'worker'
      ? object !== undefined && !found.includes('edge') && !found.includes('control-plane')
      : found.includes(role)
  return { holds, figure: found.join(', ') || 'no role label' }
}

function labelsOf(object: NodeObject | undefined, { labels }: Node): Verdict {
  const missing = missingLabels(object, labels)
  const all = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  return { holds: missing.length === 0, figure: missing.length > 0 ? `lacks ${missing.join(', ')}` : all.join(', ') }
}

function noStrays({ name }: Node, daemonSets: readonly Workload[], pods: readonly Pod[]): Verdict {
  const meant = new Set(daemonSets.filter(isMeantForEdges).map(nameOf))
  const strays = pods.filter(
    ({ metadata, spec }) =>
      spec.nodeName === name &&
      metadata.ownerReferences?.some(
        (owner) => owner.kind === 'DaemonSet' && !meant.has(`${metadata.namespace}/${owner.name}`),
      ),
  )
  const names = strays.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
  return { holds: names.length === 0, figure: names.join(', ') || 'none' }
}

const isCoreDns = ({ kind, metadata }: Workload): boolean =>
  kind === 'Deployment' && metadata.namespace === 'kube-system' && metadata.name === 'coredns'

/** A pod of its on an edge counts as available, and yet no cloud node reaches it. */
function coreDns(deployment: Workload | undefined, pods: readonly Pod[], edges: ReadonlySet<string>): Verdict {
  if (!deployment) return { holds: false, figure: 'no deployment coredns in kube-system' }
  const available = deployment.status?.availableReplicas ?? 0
  const figure = `${available} of ${deployment.spec.replicas ?? 1} available`
  // Kubernetes' own label, which K3s' copy carries, too.
  const own = pods.filter(({ metadata }) => metadata.labels?.['k8s-app'] === 'kube-dns')
  const astray = own.filter(({ spec }) => edges.has(spec.nodeName ?? ''))
  const reasons =
    available > 0
      ? astray.map(({ metadata, spec }) => `${metadata.name} is on ${spec.nodeName}`)
      : own.map(({ metadata, status }) => `${metadata.name} ${waitingReason(status)}`)
  return { holds: available > 0 && astray.length === 0, figure: [figure, ...reasons].join(', ') }
}

const waitingReason = (status: Pod['status']): string =>
  status?.containerStatuses?.map(({ state }) => state?.waiting?.reason).find((reason) => reason !== undefined) ??
  status?.phase ??
  'Pending'
