import type { Host } from '../host/host.ts'
import type { TaskContext } from '../task/task.ts'
import { controlPlane } from '../topology/addresses.ts'
import { distributionOf } from './distribution.ts'

/** The Kubernetes API as kubectl on the control plane sees it. */
export type Cluster = {
  /** The control plane's host. */
  readonly host: Host
  /** `kubectl get … -o json`, parsed; undefined where the object or its kind is not there. */
  get<T>(...what: readonly string[]): Promise<T | undefined>
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
    run: async (...words) => (await host.$`${kubectl} ${words}`).stdout,
    async apply(objects) {
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
      await host.$({ input: list })`${kubectl} apply -f -`
    },
  }
}

/** Of a Node object, what kedge looks at. */
export type NodeObject = {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
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

/** Why a node is not Ready, in the cluster's own words; undefined when it is. */
export function whyNotReady(node: NodeObject | undefined, name: string): string | undefined {
  if (!node) return `node ${name} is not in the cluster`
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready')
  if (ready?.status === 'True') return undefined
  return `node ${name} is not Ready: ${ready?.message ?? 'it has not reported yet'}`
}
