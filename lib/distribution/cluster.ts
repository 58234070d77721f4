import type { Host } from '../host/host.ts'
import { toFailure } from '../host/to-failure.ts'
import type { TaskContext } from '../task/task.ts'
import { controlPlane } from '../topology/addresses.ts'
import { distributionOf } from './distribution.ts'
import { nodeListFormat, readNodeList } from './node-list.ts'

/** The Kubernetes API as kubectl on the control plane sees it. */
export type Cluster = {
  /** The control plane's host. */
  readonly host: Host
  /** `kubectl get … -o json`, parsed; undefined where the object or its kind is not there. */
  get<T>(...what: readonly string[]): Promise<T | undefined>
  /** Every node, of each what kedge looks at; rejects when the API server does not answer. */
  nodes(): Promise<readonly NodeObject[]>
  /** Any other kubectl command; rejects when kubectl fails. */
  run(...words: readonly string[]): Promise<string>
  /** Applies objects; what is there already is brought to this form. */
  apply(objects: readonly object[]): Promise<void>
}

export function clusterOf(ctx: TaskContext): Cluster {
  const node = controlPlane(ctx.topology)
  const host = node.name === ctx.node.name ? ctx.host : ctx.on(node)
  const { kubectl } = distributionOf(ctx)
  return {
    host,
    async get<T>(...what: readonly string[]) {
      // Quiet: among what is asked for are CloudCore's CA key and its token, and nobody reads a log of JSON.
      const answer = await host.$({ quiet: true })`${kubectl} get ${what} -o json --ignore-not-found`
      return answer.stdout.trim() === '' ? undefined : (JSON.parse(answer.stdout) as T)
    },
    async nodes() {
      const answer = await host.$({
        quiet: true,
      })`${kubectl} get nodes -o ${nodeListFormat} --ignore-not-found --request-timeout=30s`
      return readNodeList(answer.stdout)
    },
    run: async (...words) => (await host.$`${kubectl} ${words}`).stdout,
    async apply(objects) {
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
      await host.$({ input: list })`${kubectl} apply -f -`
    },
  }
}

/** Asks for the node of a context, as often as it is called. */
export type AskNode = () => Promise<NodeObject | undefined>

/**
 * For a check: asks once, for all nodes, as the check of every other node does, so that one answer may serve them all. In a lab
 * of 200 nodes that is one kubectl instead of 200.
 */
export function nodeAmongAll(ctx: TaskContext): AskNode {
  let asked: Promise<readonly NodeObject[]> | undefined
  return async () => {
    asked ??= clusterOf(ctx).nodes()
    return (await asked).find(({ metadata }) => metadata.name === ctx.node.name)
  }
}

/** For who changes it, or waits for it: this node alone, each time anew. */
export const nodeAlone =
  (ctx: TaskContext): AskNode =>
  () =>
    clusterOf(ctx).get<NodeObject>('node', ctx.node.name)

/** Of a Node object, what kedge looks at. */
export type NodeObject = {
  readonly metadata: {
    readonly name: string
    readonly uid?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec?: {
    readonly taints?: readonly { readonly key: string; readonly effect: string }[]
    readonly podCIDR?: string
  }
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[]
    readonly nodeInfo?: { readonly kubeletVersion?: string; readonly machineID?: string }
    readonly addresses?: readonly { readonly type: string; readonly address: string }[]
  }
}

/** A node stays Ready for some 40 s after its kubelet or edgecore has ended, and what it reported says from which machine. */
export async function isReportedFromHere({ $ }: TaskContext, object: NodeObject | undefined): Promise<boolean> {
  const own = (await $`cat /etc/machine-id`.nothrow()).stdout.trim()
  return own !== '' && object?.status?.nodeInfo?.machineID === own
}

/** Why a question was left unanswered, in kubectl's last words. A lost host and a stop are thrown on. */
export function whyUnanswered({ signal }: TaskContext, error: unknown): string {
  signal.throwIfAborted()
  const { kind, lastLines, message } = toFailure(error)
  if (kind !== 'command') throw error
  return `the API server does not answer: ${lastLines?.at(-1)?.trim() || message}`
}

/** Why a node is not Ready, in the cluster's own words; undefined when it is. */
export function whyNotReady(node: NodeObject | undefined, name: string): string | undefined {
  if (!node) return `node ${name} is not in the cluster`
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready')
  if (ready?.status === 'True') return undefined
  return `node ${name} is not Ready: ${ready?.message ?? 'it has not reported yet'}`
}
