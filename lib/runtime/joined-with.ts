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
  const { $, node } = ctx
  const wanted = runtimeOf(ctx).endpoint
  const lines = linesOf(
    await $`grep -hosiE 'container-?runtime-?endpoint[=:][[:space:]"]*unix://[^"[:space:]]+' ${files}`.nothrow(),
  )
  const found = lines.map((line) => line.slice(line.indexOf('unix://')))
  const other = found.find((endpoint) => plain(endpoint) !== plain(wanted))
  if (!other) return
  throw refused(
    `${node.name} has joined with the runtime at ${other}, and the file gives it ${node.runtime}`,
    `take the node out first (kedge destroy --node ${node.name}, or keadm reset edge / kubeadm reset on it), or leave \`runtime\` as it was`,
  )
}

/** /var/run is /run. */
const plain = (endpoint: string) => endpoint.replace('unix:///var/run/', 'unix:///run/')
