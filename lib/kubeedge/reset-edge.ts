import { clusterOf, type NodeObject, whyNotReady } from '../distribution/cluster.ts'
import { refused } from '../event/failure.ts'
import { runtimeOf } from '../runtime/runtime.ts'
import type { TaskContext } from '../task/task.ts'
import type { EdgeState } from './edge-state.ts'
import { keadmFlags } from './keadm-flags.ts'

const folders = ['/etc/kubeedge', '/var/log/kubeedge', '/var/lib/kubeedge', '/var/lib/edged', '/var/lib/kubelet']

/** A node stays Ready for so long after its last word: 40 s, from Kubernetes 1.32 on 50 s, and then some. */
const graceSeconds = 75
const secondsBetweenLooks = 5

/**
 * Takes a half-made join back, on the edge and in the cluster. `keadm reset edge` stops silently at the first folder that
 * does not exist (releases up to 1.23.1) and leaves the node object, so both are finished here. A folder may be a disk of
 * its own, which can be emptied and not removed; what else is mounted in it is not walked into.
 */
export async function resetEdge(ctx: TaskContext, state: EdgeState): Promise<void> {
  const { $, node } = ctx
  if (state.node && state.service !== 'active') await refuseOther(ctx, state.node)
  ctx.say('an earlier join did not come to its end: starting over')
  const { hasResetEndpoint } = keadmFlags(ctx.topology.kubeedge.version)
  const endpoint = hasResetEndpoint ? [`--remote-runtime-endpoint=${runtimeOf(ctx).endpoint}`] : []
  await $`keadm reset edge --force ${endpoint}`.nothrow()
  await $`systemctl disable --now edgecore 2>/dev/null || true
rm -f /etc/systemd/system/edgecore.service && systemctl daemon-reload
findmnt -rno TARGET | awk '/^.var.lib.kubelet.pods./' | xargs -r umount
for folder in ${folders}; do
  [ ! -d "$folder" ] || find "$folder" -xdev -mindepth 1 -delete
  rmdir "$folder" 2>/dev/null || true
done`
  if (state.node) await clusterOf(ctx).run('delete', 'node', node.name, '--ignore-not-found')
}

/** A node stays Ready for some 40 s after its edgecore has ended, and what it reported says from which machine. */
async function isReportedFromHere({ $ }: TaskContext, object: NodeObject | undefined): Promise<boolean> {
  const own = (await $`cat /etc/machine-id`.nothrow()).stdout.trim()
  return own !== '' && object?.status?.nodeInfo?.machineID === own
}

/**
 * A node that is Ready while no edgecore runs here is another machine's, or has just lost its edgecore: a reset that was cut
 * off before it deleted the node. Only waiting tells them apart; machine-id does where it differs, but clones share it.
 */
async function refuseOther(ctx: TaskContext, found: NodeObject): Promise<void> {
  const { name } = ctx.node
  let object: NodeObject | undefined = found
  for (let waited = 0; !whyNotReady(object, name); waited += secondsBetweenLooks) {
    if (waited >= graceSeconds || (await isOtherMachine(ctx, object))) {
      throw refused(
        `the cluster has a node ${name} that is Ready, and it is not this machine`,
        `give this edge another name, or take the other machine out (kubectl delete node ${name})`,
      )
    }
    if (waited === 0) ctx.say(`node ${name} is Ready, and edgecore does not run here: waiting whether it stays so`)
    await ctx.sleep(secondsBetweenLooks)
    object = await clusterOf(ctx).get<NodeObject>('node', name)
  }
}

async function isOtherMachine({ host }: TaskContext, object: NodeObject | undefined): Promise<boolean> {
  const reported = object?.status?.nodeInfo?.machineID ?? ''
  const own = (await host.read('/etc/machine-id'))?.trim() ?? ''
  return reported !== '' && own !== '' && reported !== own
}
