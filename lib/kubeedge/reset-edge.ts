import { clusterOf, whyNotReady } from '../distribution/cluster.ts'
import { refused } from '../event/failure.ts'
import type { TaskContext } from '../task/task.ts'
import type { EdgeState } from './edge-state.ts'

const folders = ['/etc/kubeedge', '/var/log/kubeedge', '/var/lib/kubeedge', '/var/lib/edged', '/var/lib/kubelet']

/**
 * Takes a half-made join back, on the edge and in the cluster. `keadm reset edge` stops silently at the first folder that
 * does not exist (releases up to 1.23.1) and leaves the node object, so both are finished here.
 */
export async function resetEdge(ctx: TaskContext, state: EdgeState): Promise<void> {
  const { $, node } = ctx
  if (state.node && state.service !== 'active' && !whyNotReady(state.node, node.name)) {
    throw refused(
      `the cluster has a node ${node.name} that is Ready, and it is not this machine`,
      `give this edge another name, or take the other machine out (kubectl delete node ${node.name})`,
    )
  }
  ctx.say('an earlier join did not come to its end: starting over')
  await $`keadm reset edge --force`.nothrow()
  await $`systemctl disable --now edgecore 2>/dev/null || true
rm -f /etc/systemd/system/edgecore.service && systemctl daemon-reload
findmnt -rno TARGET | awk '/^.var.lib.kubelet.pods./' | xargs -r umount
rm -rf ${folders}`
  if (state.node) await clusterOf(ctx).run('delete', 'node', node.name, '--ignore-not-found')
}
