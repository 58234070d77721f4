import { type Check, doneIf, type TaskContext } from '../task/task.ts'
import { type Cluster, clusterOf } from './cluster.ts'

type CoreDnsConfig = { readonly data?: { readonly Corefile?: string } }

/** `forward . /etc/resolv.conf`, with its options where it has any. */
const forward = /^[ \t]*forward \. \/etc\/resolv\.conf(?:[ \t]*\{[^}]*\})?[ \t]*\n/m

/**
 * CoreDNS hands on what is not of the cluster to the name servers of its node, and where the node has none, as in a lab
 * without internet, it ends with "no nameservers found" and nothing in the cluster is resolved.
 */
export async function checkDns(ctx: TaskContext): Promise<Check> {
  if (await hasNameServers(ctx)) return doneIf(true, '')
  const file = await corefile(clusterOf(ctx))
  return doneIf(
    file === undefined || !forward.test(file),
    'CoreDNS forwards to name servers, and the node has none: it would not start',
  )
}

/** Takes the forwarding out: the cluster's own names are resolved, all others are unknown at once. */
export async function setUpDns(ctx: TaskContext): Promise<void> {
  if ((await checkDns(ctx)).done) return
  const cluster = clusterOf(ctx)
  const file = (await corefile(cluster)) ?? ''
  const patch = JSON.stringify({ data: { Corefile: file.replace(forward, '') } })
  await cluster.run('-n', 'kube-system', 'patch', 'configmap', 'coredns', '--type=merge', '-p', patch)
  await cluster.run('-n', 'kube-system', 'rollout', 'restart', 'deployment', 'coredns')
}

const corefile = async (cluster: Cluster): Promise<string | undefined> =>
  (await cluster.get<CoreDnsConfig>('-n', 'kube-system', 'configmap', 'coredns'))?.data?.Corefile

/** Of the file that kubelet gives to pods: with systemd-resolved it is not the one in /etc. */
async function hasNameServers(ctx: TaskContext): Promise<boolean> {
  const answer =
    await ctx.$`if systemctl -q is-active systemd-resolved; then file=/run/systemd/resolve/resolv.conf; else file=/etc/resolv.conf; fi
grep -Eq '^nameserver[[:space:]]' $file`.nothrow()
  return answer.exitCode === 0
}
