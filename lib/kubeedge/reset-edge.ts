import { clusterOf, isReportedFromHere, type NodeObject, whyNotReady } from '../distribution/cluster.ts'
import { refused } from '../event/failure.ts'
import { runtimeOf } from '../runtime/runtime.ts'
import type { TaskContext } from '../task/task.ts'
import { cloudcoreAddress } from '../topology/addresses.ts'
import { yamlValue } from '../topology/change-yaml.ts'
import { edgecoreFile } from './edge-config.ts'
import { cniFile } from './edge-network.ts'
import type { EdgeState } from './edge-state.ts'
import { tokenFile } from './join.ts'
import { keadmFlags } from './keadm-flags.ts'
import { certificatePort } from './ports.ts'

const folders = ['/etc/kubeedge', '/var/log/kubeedge', '/var/lib/kubeedge', '/var/lib/edged', '/var/lib/kubelet']

/** Takes a half-made join back, on the edge and in the cluster, which has `object` of it. */
export async function resetEdge(ctx: TaskContext, state: EdgeState, object: NodeObject | undefined): Promise<void> {
  const { node } = ctx
  const isReady = object !== undefined && !whyNotReady(object, node.name)
  if (isReady && state.service !== 'active' && !(await isReportedFromHere(ctx, object))) {
    throw refused(
      `the cluster has a node ${node.name} that is Ready, and it is not this machine`,
      `give this edge another name, or take the other machine out (kubectl delete node ${node.name})`,
    )
  }
  const why = state.endedAt ? "the edge's certificate is over" : 'an earlier join did not come to its end'
  ctx.say(`${why}: starting over`)
  await clearEdge(ctx)
  if (object) await clusterOf(ctx).run('delete', 'node', node.name, '--ignore-not-found')
}

/**
 * Takes a join off this edge, without asking the cluster. `keadm reset edge` stops silently at the first folder that does not
 * exist (releases up to 1.23.1) and leaves the node object, so the folders are finished here. A folder may be a disk of its
 * own, which can be emptied and not removed; what else is mounted in it is not walked into.
 */
async function clearEdge(ctx: TaskContext): Promise<void> {
  const { $ } = ctx
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
}

/**
 * Takes this machine out of the lab for good: an edgecore that went on would register its node again at its next start.
 * Refused where it has joined somebody else's CloudCore. What was installed stays.
 */
export async function leaveAsEdge(ctx: TaskContext): Promise<void> {
  const { $, host, node, topology } = ctx
  const text = await host.read(edgecoreFile)
  const cloudcore = cloudcoreAddress(topology, node)
  const server = text === undefined ? undefined : yamlValue(text, ['modules', 'edgeHub', 'httpServer'])
  if (typeof server === 'string' && server !== `https://${cloudcore}:${certificatePort}`) {
    throw refused(
      `${node.name} has joined CloudCore at ${server}, and this lab's is at ${cloudcore}`,
      `if that one is to go too: keadm reset edge --force on ${node.name}`,
    )
  }
  const { stdout } = await $`ls -A /etc/kubeedge 2>/dev/null || true`
  if (stdout.trim() !== '') await clearEdge(ctx)
  await $`rm -f ${tokenFile} ${cniFile}`
}
