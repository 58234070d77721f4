import { type Cluster, clusterOf } from '../distribution/cluster.ts'
import { distributionOf } from '../distribution/distribution.ts'
import { type Check, doneIf, pending, type TaskContext } from '../task/task.ts'
import { untilDone } from '../task/until-done.ts'
import { advertiseAddresses } from '../topology/addresses.ts'
import { certificatePort, hubPort, tunnelPort } from './ports.ts'
import { silentPorts } from './silent-ports.ts'

export const namespace = 'kubeedge'

type Deployment = { readonly status?: { readonly availableReplicas?: number } }
type ConfigMap = { readonly data?: Readonly<Record<string, string>> }

/** CloudCore runs, advertises one address for each edge LAN, and answers on each of them. */
export async function checkCloudCore(ctx: TaskContext): Promise<Check> {
  const cluster = clusterOf(ctx)
  const deployment = await cluster.get<Deployment>('-n', namespace, 'deployment', 'cloudcore')
  if (!deployment) return pending('CloudCore is not deployed')
  const missing = await addressesNotAdvertised(ctx, cluster)
  if (missing.length > 0) return pending(`CloudCore does not advertise ${missing.join(', ')}`)
  if (!deployment.status?.availableReplicas) return pending('CloudCore is not available')
  return answersEverywhere(ctx)
}

async function addressesNotAdvertised(ctx: TaskContext, cluster: Cluster): Promise<readonly string[]> {
  const config = await cluster.get<ConfigMap>('-n', namespace, 'configmap', 'cloudcore')
  const text = config?.data?.['cloudcore.yaml'] ?? ''
  const advertised = new Set(text.match(/\b\d+\.\d+\.\d+\.\d+\b/g))
  return advertiseAddresses(ctx.topology).filter((address) => !advertised.has(address))
}

async function answersEverywhere(ctx: TaskContext): Promise<Check> {
  const silent = await silentPorts(ctx, advertiseAddresses(ctx.topology), [hubPort, certificatePort, tunnelPort])
  return doneIf(silent.length === 0, `CloudCore does not answer on ${silent.map(({ target }) => target).join(', ')}`)
}

/** Deploys CloudCore, or brings the one that is there to what the topology asks for, and waits until it answers. */
export async function deployCloudCore(ctx: TaskContext): Promise<void> {
  const cluster = clusterOf(ctx)
  if (await cluster.get('-n', namespace, 'deployment', 'cloudcore')) {
    const missing = await addressesNotAdvertised(ctx, cluster)
    if (missing.length > 0) await advertiseAlso(ctx, cluster, missing)
  } else {
    await clearHalfMade(ctx, cluster)
    await keadmInit(ctx)
  }
  await untilDone(ctx, () => checkCloudCore(ctx))
}

/**
 * A Helm release without its deployment is what a killed `keadm init` leaves; the next one would refuse to start. `keadm reset
 * cloud` does nothing in a namespace without pods, so the namespace goes, and is gone before anything is made anew.
 */
async function clearHalfMade(ctx: TaskContext, cluster: Cluster): Promise<void> {
  const release = await cluster.get<{ items: readonly object[] }>(
    '-n',
    namespace,
    'secret',
    '-l',
    'owner=helm,name=cloudcore',
  )
  if (!release?.items.length) return
  ctx.say('an earlier keadm init was cut off: starting over')
  await cluster.run('delete', 'namespace', namespace, '--wait=true')
}

async function keadmInit(ctx: TaskContext): Promise<void> {
  const { $, topology, node } = ctx
  const hasNft = ctx.assets('image').some((asset) => asset.name.includes('/iptables-manager-nft:'))
  const flags = initFlags({
    addresses: advertiseAddresses(topology),
    version: topology.kubeedge.version,
    kubeconfig: distributionOf(ctx).kubeconfig,
    nodeName: node.name,
    iptables: hasNft ? 'nft' : 'legacy',
  })
  await $`keadm init ${flags}`
}

/**
 * keadm init's words. The version is always given: without it keadm asks the web, and hangs where there is none. The chart
 * has no tolerations and knows nothing of which node owns the edges' LANs, so both are said; Recreate, because a rolling
 * update on one node waits for ports that the old pod holds; no broker on edges by surprise; and no 60-second wait of
 * Helm's, which reports failures that are none on a slow machine: kedge waits by itself.
 */
export function initFlags(options: {
  readonly addresses: readonly string[]
  readonly version: string
  readonly kubeconfig: string
  readonly nodeName: string
  readonly iptables: 'legacy' | 'nft'
}): readonly string[] {
  const controlPlane = 'node-role.kubernetes.io/control-plane'
  const tolerates = (component: string) => [
    `${component}.tolerations[0].key=${controlPlane}`,
    `${component}.tolerations[0].operator=Exists`,
  ]
  const sets = [
    ...tolerates('cloudCore'),
    ...tolerates('iptablesManager'),
    `cloudCore.nodeSelector.kubernetes\\.io/hostname=${options.nodeName}`,
    'cloudCore.strategy.type=Recreate',
    'cloudCore.resources.limits.cpu=2',
    `iptablesManager.framework=${options.iptables}`,
    'mosquitto.enable=false',
  ]
  return [
    `--advertise-address=${options.addresses.join(',')}`,
    `--kubeedge-version=v${options.version}`,
    `--kube-config=${options.kubeconfig}`,
    `--set=${sets.join(',')}`,
    '--force',
  ]
}

/**
 * A LAN came later. The server certificate's names are read only when the certificate is made, so the pair is made again;
 * the CA stays, and with it every edge that has joined.
 */
async function advertiseAlso(ctx: TaskContext, cluster: Cluster, addresses: readonly string[]): Promise<void> {
  ctx.say(`CloudCore gets a new server certificate for ${addresses.join(', ')}`)
  const config = await cluster.get<ConfigMap>('-n', namespace, 'configmap', 'cloudcore')
  const text = config?.data?.['cloudcore.yaml'] ?? ''
  const changed = text.replace(/^(\s*)advertiseAddress:.*\n/m, (line, indent: string) => {
    const items = addresses.map((address) => `${indent}- ${address}\n`).join('')
    return line + items
  })
  await cluster.run(
    '-n',
    namespace,
    'patch',
    'configmap',
    'cloudcore',
    '--type=merge',
    '-p',
    JSON.stringify({ data: { 'cloudcore.yaml': changed } }),
  )
  await cluster.run('-n', namespace, 'delete', 'secret', 'cloudcoresecret', '--ignore-not-found')
  await restartCloudCore(cluster)
}

export async function restartCloudCore(cluster: Cluster): Promise<void> {
  await cluster.run('-n', namespace, 'rollout', 'restart', 'deployment', 'cloudcore')
}
