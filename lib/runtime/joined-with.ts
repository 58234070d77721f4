import { refused } from '../event/failure.ts'
import { linesOf } from '../host/lines-of.ts'
import type { TaskContext } from '../task/task.ts'
import { runtimeOf } from './runtime.ts'

/** Where kubelet, K3s and edgecore are told their runtime. */
const files = [
  '/var/lib/kubelet/kubeadm-flags.env',
  '/var/lib/kubelet/config.yaml',
  '/etc/rancher/k3s/config.yaml',
  '/etc/kubeedge/config/edgecore.yaml',
]

/**
 * Refuses to give a node that is part of the cluster another runtime: its pods would go on in the old one, unseen by the new.
 * On a node that has not joined yet both may be installed; the one that the file does not name is left as it is.
 */
export async function refuseOtherRuntime(ctx: TaskContext): Promise<void> {
  const lines = linesOf(
    await ctx.$`grep -hosiE 'container-?runtime-?endpoint[=:][[:space:]"]*unix://[^"[:space:]]+' ${files}`.nothrow(),
  )
  for (const line of lines) mustBeRuntime(ctx, line.slice(line.indexOf('unix://')))
}

/** Throws unless the CRI endpoint that a node has joined with is that of its runtime in the file. */
export function mustBeRuntime(ctx: TaskContext, joinedWith: string): void {
  const why = whyOtherRuntime(ctx, joinedWith)
  if (!why) return
  throw refused(
    why,
    `take ${ctx.node.name} out of the cluster first (kedge destroy --node ${ctx.node.name}, or keadm reset edge / kubeadm reset there), or leave \`runtime\` as it was`,
  )
}

export const whyOtherRuntime = (ctx: TaskContext, joinedWith: string): string | undefined =>
  plain(joinedWith) === plain(runtimeOf(ctx).endpoint)
    ? undefined
    : `${ctx.node.name} has joined with the runtime at ${joinedWith}, and the file gives it ${ctx.node.runtime}`

/** /var/run is /run. */
const plain = (endpoint: string) => endpoint.replace('unix:///var/run/', 'unix:///run/')
