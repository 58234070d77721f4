import { installPackages, missingPackages } from '../bundle/os-packages.ts'
import { type Check, doneIf, type TaskContext } from '../task/task.ts'

/** What kube-proxy and the kubelet call, whichever distribution brings them. */
const packages = ['conntrack', 'socat', 'ebtables', 'ethtool', 'iptables']

export async function checkNodePackages(ctx: TaskContext): Promise<Check> {
  const missing = await missingPackages(ctx, packages)
  return doneIf(missing.length === 0, `${missing.join(', ')} not installed`)
}

export async function installNodePackages(ctx: TaskContext): Promise<void> {
  const missing = await missingPackages(ctx, packages)
  if (missing.length > 0) await installPackages(ctx, 'kubernetes-node')
}
