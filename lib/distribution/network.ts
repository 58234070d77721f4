import { type Check, doneIf, firstPending, pending, type TaskContext } from '../task/task.ts'
import { untilDone } from '../task/until-done.ts'
import { type AskNode, clusterOf, nodeAlone, nodeAmongAll, whyNotReady } from './cluster.ts'
import { checkDns, setUpDns } from './cluster-dns.ts'
import { guardWorkloads, nameOf, unguardedWorkloads } from './edge-guard.ts'
import { podNetworkObjects } from './pod-network.ts'

/** Nothing of the cloud's would land on an edge, and this node is Ready, which it is not without a pod network. */
export async function checkNetwork(ctx: TaskContext): Promise<Check> {
  const cluster = clusterOf(ctx)
  const unguarded = await unguardedWorkloads(cluster)
  if (unguarded.length > 0) return pending(`would land on edges: ${unguarded.map(nameOf).join(', ')}`)
  return firstPending(
    () => checkReady(ctx, nodeAmongAll(ctx)),
    () => checkDns(ctx),
  )
}

export async function installNetwork(ctx: TaskContext): Promise<void> {
  const cluster = clusterOf(ctx)
  await cluster.apply(podNetworkObjects(ctx))
  await guardWorkloads(cluster)
  await setUpDns(ctx)
  await untilReady(ctx)
}

/** Whether the cluster has this node Ready. */
export async function checkReady({ node }: TaskContext, ask: AskNode): Promise<Check> {
  const why = whyNotReady(await ask(), node.name)
  return doneIf(!why, why ?? '')
}

/** Waits as long as the task's timeout lets it. */
export const untilReady = (ctx: TaskContext): Promise<void> => untilDone(ctx, () => checkReady(ctx, nodeAlone(ctx)))

/**
 * Takes the bridge of this node's pods away. A node that joins again gets another range of addresses, and flannel's CNI plug-in
 * gives no pod a network while the bridge has an address in the old one.
 */
export const removePodBridge = async ({ $ }: TaskContext): Promise<void> => {
  await $`ip link delete cni0 2>/dev/null || true`
}
