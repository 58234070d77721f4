import { type Check, doneIf, type TaskContext } from '../task/task.ts'
import { clusterOf } from './cluster.ts'

type CoreDnsConfig = { readonly data?: { readonly Corefile?: string } }

/** `forward . /etc/resolv.conf`, with its options where it has any. */
const forward = /^[ \t]*forward \. \/etc\/resolv\.conf(?:[ \t]*\{[^}]*\})?[ \t]*\n/m

/**
 * CoreDNS hands on what is not of the cluster to the name servers of its node, and where the node has none, as in a lab
 * without internet, it ends with "no nameservers found" and nothing in the cluster is resolved.
 */
export async function checkDns(ctx: TaskContext): Promise<Check> {
  return doneIf(
    (await corefileThatFails(ctx)) === undefined,
    'CoreDNS forwards to name servers, and the node has none: it would not start',
  )
}

/** Takes the forwarding out: the cluster's own names are resolved, all others are unknown at once. */
export async function setUpDns(ctx: TaskContext): Promise<void> {
  const file = await corefileThatFails(ctx)
  if (file === undefined) return
  const cluster = clusterOf(ctx)
  const patch = JSON.stringify({ data: { Corefile: file.replace(forward, '') } })
  await cluster.run('-n', 'kube-system', 'patch', 'configmap', 'coredns', '--type=merge', '-p', patch)
  await cluster.run('-n', 'kube-system', 'rollout', 'restart', 'deployment', 'coredns')
}

/** A Corefile with which CoreDNS would not start here; undefined where it would, or where there is none. */
async function corefileThatFails(ctx: TaskContext): Promise<string | undefined> {
  if (await hasNameServers(ctx)) return undefined
  const config = await clusterOf(ctx).get<CoreDnsConfig>('-n', 'kube-system', 'configmap', 'coredns')
  const file = config?.data?.Corefile
  return file !== undefined && forward.test(file) ? file : undefined
}

/** Of the file that kubelet gives to pods: with systemd-resolved it is not the one in /etc. */
async function hasNameServers(ctx: TaskContext): Promise<boolean> {
  const answer =
    await ctx.$`if systemctl -q is-active systemd-resolved; then file=/run/systemd/resolve/resolv.conf; else file=/etc/resolv.conf; fi
grep -Eq '^nameserver[[:space:]]' $file`.nothrow()
  return answer.exitCode === 0
}
