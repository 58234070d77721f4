import { type Cluster, clusterOf } from '../distribution/cluster.ts'
import { distributionOf } from '../distribution/distribution.ts'
import { type Check, doneIf, firstPending, pending, type TaskContext } from '../task/task.ts'
import { untilDone } from '../task/until-done.ts'
import { advertiseAddresses } from '../topology/addresses.ts'
import type { HubProtocol } from '../topology/topology.ts'
import { applyBroker, type BrokerSet, checkCloudConfig, checkQuic, imageOf, withProtocol } from './cloud-config.ts'
import { cloudcoreReason } from './cloudcore-reason.ts'
import { keadmFlags } from './keadm-flags.ts'
import { brokerImage, brokerName, repositoryAndTag } from './mqtt.ts'
import { certificatePort, hubPort, tunnelPort } from './ports.ts'
import { silentPorts } from './silent-ports.ts'

export const namespace = 'kubeedge'

type Deployment = { readonly status?: { readonly availableReplicas?: number } }
type ConfigMap = { readonly data?: Readonly<Record<string, string>> }
type Deployed = {
  readonly deployment: Deployment | undefined
  readonly config: ConfigMap | undefined
  readonly broker: BrokerSet | undefined
}

/** CloudCore runs, advertises one address for each edge LAN, and answers on each of them. */
export async function checkCloudCore(ctx: TaskContext): Promise<Check> {
  const { deployment, config: map, broker } = await deployed(clusterOf(ctx))
  if (!deployment) return pending('CloudCore is not deployed')
  const config = yamlIn(map)
  const missing = addressesNotAdvertised(ctx, config)
  if (missing.length > 0) return pending(`CloudCore does not advertise ${missing.join(', ')}`)
  const check = checkCloudConfig(ctx, config, imageOf(broker))
  if (!check.done) return check
  if (!deployment.status?.availableReplicas) return pending('CloudCore is not available')
  return firstPending(
    () => answersEverywhere(ctx),
    () => checkQuic(ctx),
  )
}

/** All that the check looks at in the cluster, in one question. */
async function deployed(cluster: Cluster): Promise<Deployed> {
  const asked = ['deployment/cloudcore', 'configmap/cloudcore', `daemonset/${brokerName}`]
  type Item = { readonly kind: string } & Deployment & ConfigMap & BrokerSet
  const items = (await cluster.get<{ readonly items: readonly Item[] }>('-n', namespace, ...asked))?.items ?? []
  const find = (wanted: string) => items.find(({ kind }) => kind === wanted)
  return { deployment: find('Deployment'), config: find('ConfigMap'), broker: find('DaemonSet') }
}

const yamlIn = (config: ConfigMap | undefined): string => config?.data?.['cloudcore.yaml'] ?? ''

function addressesNotAdvertised(ctx: TaskContext, config: string): readonly string[] {
  const advertised = new Set(config.match(/\b\d+\.\d+\.\d+\.\d+\b/g))
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
    await reconfigure(ctx, cluster)
    await applyBroker(ctx, cluster, namespace)
  } else {
    await clearHalfMade(ctx, cluster)
    await keadmInit(ctx)
  }
  await untilDone(
    ctx,
    () => checkCloudCore(ctx),
    () => cloudcoreReason(ctx, namespace),
  )
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
  const images = ctx.assets('image').map(({ name }) => name)
  const hasNft = images.some((name) => name.includes('/iptables-manager-nft:'))
  const flags = initFlags({
    addresses: advertiseAddresses(topology),
    version: topology.kubeedge.version,
    kubeconfig: distributionOf(ctx).kubeconfig,
    nodeName: node.name,
    protocol: topology.kubeedge.protocol,
    ...(topology.kubeedge.mqtt === 'bundle' ? { broker: brokerImage(images) } : {}),
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
  readonly protocol: HubProtocol
  /** The image of the MQTT broker on each edge; without one there is none. */
  readonly broker?: string
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
    ...(keadmFlags(options.version).hasIptablesFramework ? [`iptablesManager.framework=${options.iptables}`] : []),
    ...(options.protocol === 'quic' ? ['cloudCore.modules.cloudHub.quic.enable=true'] : []),
    ...brokerSets(options.broker),
  ]
  return [
    `--advertise-address=${options.addresses.join(',')}`,
    `--kubeedge-version=v${options.version}`,
    `--kube-config=${options.kubeconfig}`,
    `--set=${sets.join(',')}`,
    '--force',
  ]
}

function brokerSets(image: string | undefined): readonly string[] {
  if (!image) return ['mosquitto.enable=false']
  const { repository, tag } = repositoryAndTag(image)
  return ['mosquitto.enable=true', `mosquitto.image.repository=${repository}`, `mosquitto.image.tag=${tag}`]
}

/**
 * A LAN came later, or the file's protocol changed. The server certificate's names are read only when the certificate is made,
 * so for a LAN the pair is made again; the CA stays, and with it every edge that has joined.
 */
async function reconfigure(ctx: TaskContext, cluster: Cluster): Promise<void> {
  const config = yamlIn(await cluster.get<ConfigMap>('-n', namespace, 'configmap', 'cloudcore'))
  const addresses = addressesNotAdvertised(ctx, config)
  const changed = withProtocol(ctx, advertising(config, addresses))
  if (changed === config) return
  const patch = JSON.stringify({ data: { 'cloudcore.yaml': changed } })
  await cluster.run('-n', namespace, 'patch', 'configmap', 'cloudcore', '--type=merge', '-p', patch)
  if (addresses.length > 0) {
    ctx.say(`CloudCore gets a new server certificate for ${addresses.join(', ')}`)
    await cluster.run('-n', namespace, 'delete', 'secret', 'cloudcoresecret', '--ignore-not-found')
  }
  await restartCloudCore(cluster)
}

const advertising = (config: string, addresses: readonly string[]): string =>
  config.replace(/^(\s*)advertiseAddress:.*\n/m, (line, indent: string) => {
    const items = addresses.map((address) => `${indent}- ${address}\n`).join('')
    return line + items
  })

export async function restartCloudCore(cluster: Cluster): Promise<void> {
  await cluster.run('-n', namespace, 'rollout', 'restart', 'deployment', 'cloudcore')
}
