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
export type DaemonSet = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: { readonly template: { readonly spec: PodSpec } }
}

export const edgeRole = 'node-role.kubernetes.io/edge'
/** With the value `allowed` on a DaemonSet: it may run on edges, and nobody adds a condition to it. */
export const edgesAnnotation = 'kedge.dev/edges'
const notOnEdges: Expression = { key: edgeRole, operator: 'DoesNotExist' }

/** Whether a DaemonSet keeps off edges, or was meant for them. edgecore adds no taint, so every other one lands there. */
export function isGuarded(daemonSet: DaemonSet): boolean {
  if (isMeantForEdges(daemonSet)) return true
  const terms = termsOf(daemonSet.spec.template.spec)
  // Terms are ORed: one without an expression about the role lets edges in.
  return terms.length > 0 && terms.every((term) => expressionsOn(edgeRole, term).length > 0)
}

/** A DaemonSet that asks for edges, by nodeSelector or by a term of its affinity, or that was allowed there by annotation. */
export function isMeantForEdges({ metadata, spec }: DaemonSet): boolean {
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

/** The same DaemonSet kept off edges, its own conditions kept inside each term. */
export function guarded<T extends DaemonSet>(daemonSet: T): T {
  if (isGuarded(daemonSet)) return daemonSet
  const template = daemonSet.spec.template
  return {
    ...daemonSet,
    spec: {
      ...daemonSet.spec,
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

/** DaemonSets of the cluster that would put a pod on an edge and were not meant to. */
export async function unguardedDaemonSets(cluster: Cluster): Promise<readonly DaemonSet[]> {
  const list = await cluster.get<{ items: readonly DaemonSet[] }>('daemonsets', '--all-namespaces')
  return (list?.items ?? []).filter((daemonSet) => !isGuarded(daemonSet))
}

export const nameOf = ({ metadata }: DaemonSet): string => `${metadata.namespace ?? 'default'}/${metadata.name}`

/** Keeps every DaemonSet off edges. Must come before the first join; kubeadm's upgrades take kube-proxy's guard away again. */
export async function guardDaemonSets(cluster: Cluster): Promise<void> {
  for (const daemonSet of await unguardedDaemonSets(cluster)) {
    const { name, namespace = 'default' } = daemonSet.metadata
    const patch = { spec: { template: { spec: { affinity: guardedAffinity(daemonSet.spec.template.spec) } } } }
    await cluster.run('-n', namespace, 'patch', 'daemonset', name, '--type=merge', '-p', JSON.stringify(patch))
  }
}
