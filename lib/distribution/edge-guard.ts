import type { Cluster } from './cluster.ts'

type Expression = { readonly key: string; readonly operator: string; readonly values?: readonly string[] }
type Term = { readonly matchExpressions?: readonly Expression[]; readonly matchFields?: readonly Expression[] }
type PodSpec = {
  readonly nodeSelector?: Readonly<Record<string, string>>
  readonly affinity?: {
    readonly nodeAffinity?: {
      readonly requiredDuringSchedulingIgnoredDuringExecution?: { readonly nodeSelectorTerms: readonly Term[] }
    }
  }
}
/** A DaemonSet or a Deployment. */
export type Workload = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: { readonly template: { readonly spec: PodSpec }; readonly replicas?: number }
  readonly status?: { readonly availableReplicas?: number }
}

const edgeRole = 'node-role.kubernetes.io/edge'
/** With the value `allowed` on a workload: it may run on edges, and nobody adds a condition to it. */
const edgesAnnotation = 'kedge.dev/edges'
const notOnEdges: Expression = { key: edgeRole, operator: 'DoesNotExist' }

/** Whether a workload keeps off edges, or was meant for them. edgecore adds no taint, so every other one may land there. */
export function isGuarded(workload: Workload): boolean {
  if (isMeantForEdges(workload)) return true
  const terms = termsOf(workload.spec.template.spec)
  // Terms are ORed: one without an expression about the role lets edges in.
  return terms.length > 0 && terms.every((term) => expressionsOn(edgeRole, term).length > 0)
}

/** A workload that asks for edges, by nodeSelector or by a term of its affinity, or that was allowed there by annotation. */
export function isMeantForEdges({ metadata, spec }: Workload): boolean {
  if (metadata.annotations?.[edgesAnnotation] === 'allowed') return true
  const pod = spec.template.spec
  if (pod.nodeSelector && edgeRole in pod.nodeSelector) return true
  const terms = termsOf(pod)
  const about = terms.map((term) => expressionsOn(edgeRole, term))
  return (
    about.every((expressions) => expressions.length > 0) &&
    about.some((expressions) => expressions.every(({ operator }) => operator === 'Exists' || operator === 'In'))
  )
}

const expressionsOn = (key: string, { matchExpressions = [] }: Term): readonly Expression[] =>
  matchExpressions.filter((expression) => expression.key === key)

const termsOf = (pod: PodSpec): readonly Term[] =>
  pod.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []

/** The same workload kept off edges, its own conditions kept inside each term. */
export function guarded<T extends Workload>(workload: T): T {
  if (isGuarded(workload)) return workload
  const template = workload.spec.template
  return {
    ...workload,
    spec: {
      ...workload.spec,
      template: { ...template, spec: { ...template.spec, affinity: guardedAffinity(template.spec) } },
    },
  }
}

function guardedAffinity(pod: PodSpec) {
  const terms = termsOf(pod)
  const nodeSelectorTerms = (terms.length > 0 ? terms : [{}]).map((term) => ({
    ...term,
    matchExpressions: [...(term.matchExpressions ?? []), notOnEdges],
  }))
  return {
    ...pod.affinity,
    nodeAffinity: {
      ...pod.affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
    },
  }
}

/** Every DaemonSet and Deployment of the cluster. */
export async function workloadsOf(cluster: Cluster): Promise<readonly Workload[]> {
  const list = await cluster.get<{ items: readonly Workload[] }>('daemonsets,deployments', '--all-namespaces')
  return list?.items ?? []
}

/**
 * What would put a pod on an edge and was not meant to: every DaemonSet, and the cluster's own Deployments (CoreDNS would
 * go to edges as soon as it is restarted). Other Deployments are their owners' to place.
 */
export async function unguardedWorkloads(cluster: Cluster): Promise<readonly Workload[]> {
  return (await workloadsOf(cluster)).filter(
    (workload) =>
      (workload.kind === 'DaemonSet' || workload.metadata.namespace === 'kube-system') && !isGuarded(workload),
  )
}

export const nameOf = ({ metadata }: Workload): string => `${metadata.namespace ?? 'default'}/${metadata.name}`

/** Keeps them off edges. Must come before the first join; kubeadm's upgrades take kube-proxy's guard away again. */
export async function guardWorkloads(cluster: Cluster): Promise<void> {
  for (const { kind, metadata, spec } of await unguardedWorkloads(cluster)) {
    const { name, namespace = 'default' } = metadata
    const patch = JSON.stringify({ spec: { template: { spec: { affinity: guardedAffinity(spec.template.spec) } } } })
    await cluster.run('-n', namespace, 'patch', kind.toLowerCase(), name, '--type=merge', '-p', patch)
  }
}
