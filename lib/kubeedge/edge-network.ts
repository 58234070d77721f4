import { nodeAlone } from '../distribution/cluster.ts'
import type { TaskContext } from '../task/task.ts'

export const cniFile = '/etc/cni/net.d/10-kedge.conflist'

/**
 * Gives the edge a pod network of its own: a bridge with the range that Kubernetes' own IPAM set aside for this node, so
 * that no two edges share one. Without any the node says "cni plugin not initialized" and runs host-network pods only.
 */
export async function setUpEdgeNetwork(ctx: TaskContext): Promise<void> {
  for (;;) {
    const podCidr = (await nodeAlone(ctx)())?.spec?.podCIDR
    if (podCidr) return ctx.host.write(cniFile, edgeNetwork(podCidr))
    await ctx.sleep(0.5)
  }
}

/** A bridge, host-local addresses from the node's range, port mappings; masqueraded beyond the node. */
export function edgeNetwork(podCidr: string): string {
  const plugins = [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      // An edge that joins again gets another range, and the bridge still has its address in the old one.
      forceAddress: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: podCidr }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ]
  return `${JSON.stringify({ cniVersion: '0.4.0', name: 'kedge', plugins }, null, 2)}\n`
}
