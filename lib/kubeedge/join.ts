import { TaskError } from '../event/failure.ts'
import { runtimeOf } from '../runtime/runtime.ts'
import { withJournalOf } from '../task/reason.ts'
import type { TaskContext } from '../task/task.ts'
import { cloudcoreAddress } from '../topology/addresses.ts'
import type { Topology } from '../topology/topology.ts'
import { edgeSettings } from './edge-config.ts'
import { keadmFlags } from './keadm-flags.ts'
import { hubPortOf, portsToReach } from './ports.ts'
import { silentPorts } from './silent-ports.ts'

/** Where the token waits on the edge for the join; gone after it. */
export const tokenFile = '/var/lib/kedge/secrets/edge-token'
/** Where keadm puts it for edgecore, for all to read. It takes it away at its end, unless it is killed before. */
export const keadmTokenFile = '/etc/kubeedge/bootstrap-edgecore.conf'

/**
 * keadm join's words, the token aside. The cgroup driver must be said (keadm's default is cgroupfs); the rest is
 * what the lab asks of edgecore.yaml, as far as this release's `--set` takes it. What it does not take (numbers in some
 * releases, the node's address in all) is written there after the join.
 */
export function joinFlags(options: {
  readonly kubeedge: Topology['kubeedge']
  readonly cloudcore: string
  readonly nodeName: string
  readonly endpoint: string
  readonly labels: Readonly<Record<string, string>>
}): readonly string[] {
  const { version, protocol } = options.kubeedge
  const { joinSet } = keadmFlags(version)
  // What --cloudcore-ipport and --hub-protocol say already is left to them.
  const isSaid = (path: string) => path.startsWith('modules.edgeHub.') || path === 'modules.edgeStream.server'
  const sets = edgeSettings(options, options.cloudcore)
    .filter(([path, value]) => !isSaid(path) && (joinSet === 'any' || typeof value !== 'number'))
    .map(([path, value]) => `${path}=${value}`)
  const labels = Object.entries(options.labels).map(([key, value]) => `${key}=${value}`)
  return [
    `--cloudcore-ipport=${options.cloudcore}:${hubPortOf(protocol)}`,
    `--edgenode-name=${options.nodeName}`,
    `--kubeedge-version=v${version}`,
    ...(protocol === 'quic' ? ['--hub-protocol=quic'] : []),
    '--cgroupdriver=systemd',
    `--remote-runtime-endpoint=${options.endpoint}`,
    // One --set with commas: early patch releases of 1.18 and 1.19 honour only the last of several.
    ...(joinSet === 'none' ? [] : [`--set=${sets.join(',')}`]),
    ...(labels.length > 0 ? [`--labels=${labels.join(',')}`] : []),
  ]
}

/** Runs keadm join on the edge. */
export async function joinEdge(ctx: TaskContext): Promise<void> {
  const { $, node, topology } = ctx
  const cloudcore = cloudcoreAddress(topology, node)
  const flags = joinFlags({
    cloudcore,
    nodeName: node.name,
    kubeedge: topology.kubeedge,
    endpoint: runtimeOf(ctx).endpoint,
    labels: node.labels,
  })
  // keadm takes the token in no other way. It is read on the edge itself, so no command of kedge's carries it.
  await withJournalOf(ctx, 'edgecore', () => $`keadm join --token="$(cat ${tokenFile})" ${flags}`)
}

/** Asks the ports that an edge needs, from the edge: keadm, and an edgecore that has joined, say it minutes later or never. */
export async function mustReachCloudCore(ctx: TaskContext): Promise<void> {
  const cloudcore = cloudcoreAddress(ctx.topology, ctx.node)
  const silent = await silentPorts(ctx, [cloudcore], portsToReach(ctx.topology.kubeedge.protocol))
  if (silent.length === 0) return
  const closed = silent.map(({ target }) => target.split(':').at(-1))
  throw new TaskError({
    kind: 'command',
    message: `${ctx.node.name} does not reach CloudCore on ${cloudcore}, port ${closed.join(', ')}`,
    cure: 'kedge run open-ports init-cloudcore; then look at what filters traffic on that LAN',
  })
}
