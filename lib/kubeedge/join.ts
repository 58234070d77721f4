import { TaskError } from '../event/failure.ts'
import { runtimeOf } from '../runtime/runtime.ts'
import type { TaskContext } from '../task/task.ts'
import { addressToCloud, cloudcoreAddress } from '../topology/addresses.ts'
import { certificatePort, hubPort, tunnelPort } from './ports.ts'
import { silentPorts } from './silent-ports.ts'

/** Where the token waits on the edge for the join; gone after it. */
export const tokenFile = '/var/lib/kedge/edge-token'

/**
 * keadm join's words, the token aside. The cgroup driver must be said (keadm's default is cgroupfs); the NIC decides which
 * address the node reports, and edgecore would take that of the default route; logs and exec need edgeStream, which is off;
 * the internal broker, because the default waits for one that nobody installed.
 */
export function joinFlags(options: {
  readonly cloudcore: string
  readonly nodeName: string
  readonly version: string
  readonly endpoint: string
  readonly labels: Readonly<Record<string, string>>
  readonly networkInterface?: string
}): readonly string[] {
  const sets = [
    'modules.edgeStream.enable=true',
    'modules.eventBus.mqttMode=0',
    ...(options.networkInterface ? [`modules.edged.customInterfaceName=${options.networkInterface}`] : []),
  ]
  const labels = Object.entries(options.labels).map(([key, value]) => `${key}=${value}`)
  return [
    `--cloudcore-ipport=${options.cloudcore}:${hubPort}`,
    `--edgenode-name=${options.nodeName}`,
    `--kubeedge-version=v${options.version}`,
    '--cgroupdriver=systemd',
    `--remote-runtime-endpoint=${options.endpoint}`,
    // One --set with commas: early patch releases of 1.18 and 1.19 honour only the last of several.
    `--set=${sets.join(',')}`,
    ...(labels.length > 0 ? [`--labels=${labels.join(',')}`] : []),
  ]
}

/** Runs keadm join on the edge, after asking whether the ports that it needs answer from there. */
export async function joinEdge(ctx: TaskContext): Promise<void> {
  const { $, node, topology } = ctx
  const cloudcore = cloudcoreAddress(topology, node)
  await mustReach(ctx, cloudcore)
  const networkInterface = await interfaceOf(ctx, addressToCloud(topology, node))
  const flags = joinFlags({
    cloudcore,
    nodeName: node.name,
    version: topology.kubeedge.version,
    endpoint: runtimeOf(ctx).endpoint,
    labels: node.labels,
    ...(networkInterface ? { networkInterface } : {}),
  })
  // keadm takes the token in no other way. It is read on the edge itself, so no command of kedge's carries it.
  await $`keadm join --token="$(cat ${tokenFile})" ${flags}`
}

/** keadm says only "timed out" when a port is closed, minutes later. */
async function mustReach(ctx: TaskContext, cloudcore: string): Promise<void> {
  const silent = await silentPorts(ctx, [cloudcore], [hubPort, certificatePort, tunnelPort])
  if (silent.length === 0) return
  const closed = silent.map(({ target }) => target.split(':').at(-1))
  throw new TaskError({
    kind: 'command',
    message: `${ctx.node.name} does not reach CloudCore on ${cloudcore}, port ${closed.join(', ')}`,
    cure: 'kedge run open-ports init-cloudcore; then look at what filters traffic on that LAN',
  })
}

/** The NIC that has this address, on the edge; undefined for an address that is not the edge's own (behind NAT). */
async function interfaceOf({ $ }: TaskContext, address: string | undefined): Promise<string | undefined> {
  if (!address) return undefined
  const { stdout } = await $`ip -o -4 address show`
  const line = stdout.split('\n').find((candidate) => candidate.includes(` ${address}/`))
  return line?.split(/\s+/)[1]
}
