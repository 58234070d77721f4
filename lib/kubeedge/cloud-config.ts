import type { Cluster } from '../distribution/cluster.ts'
import { type Check, done, doneIf, pending, type TaskContext } from '../task/task.ts'
import { changeYaml, yamlValue } from '../topology/change-yaml.ts'
import { brokerImage, brokerName, brokerObject } from './mqtt.ts'
import { quicPort } from './ports.ts'

/** The DaemonSet of the edges' broker. */
export type BrokerSet = {
  readonly spec?: {
    readonly template?: { readonly spec?: { readonly containers?: readonly { readonly image?: string }[] } }
  }
}

const quicPath = ['modules', 'cloudHub', 'quic', 'enable']
const isQuic = (config: string) => yamlValue(config, quicPath) === true

/**
 * What the file's `mqtt` and `protocol` ask of a CloudCore that runs: they may have changed since. `config` is cloudcore.yaml,
 * `deployed` the image of the edges' broker.
 */
export function checkCloudConfig(ctx: TaskContext, config: string, deployed: string | undefined): Check {
  const { mqtt, protocol } = ctx.topology.kubeedge
  if (isQuic(config) !== (protocol === 'quic')) {
    return pending(`CloudCore has QUIC ${isQuic(config) ? 'on' : 'off'}, and the file says \`protocol: ${protocol}\``)
  }
  if (mqtt !== 'bundle') {
    return doneIf(!deployed, `the edges have an MQTT broker from KubeEdge's chart, and the file says \`mqtt: ${mqtt}\``)
  }
  const wanted = brokerImage(imageNames(ctx))
  return deployed === wanted
    ? done
    : pending(`the MQTT broker of the edges is ${deployed ?? 'not deployed'}, not ${wanted}`)
}

/** CloudCore's configuration with QUIC as the file has it; the same text where nothing changes. */
export const withProtocol = (ctx: TaskContext, config: string): string => {
  const wanted = ctx.topology.kubeedge.protocol === 'quic'
  return isQuic(config) === wanted ? config : changeYaml(config, [[quicPath, wanted]])
}

/** Brings the edges' broker to what the file says, for a CloudCore that was deployed before. */
export async function applyBroker(ctx: TaskContext, cluster: Cluster, namespace: string): Promise<void> {
  const deployed = await deployedBroker(cluster, namespace)
  const wanted = ctx.topology.kubeedge.mqtt === 'bundle' ? brokerImage(imageNames(ctx)) : undefined
  if (deployed === wanted) return
  if (wanted) return cluster.apply([brokerObject(namespace, wanted)])
  await cluster.run('-n', namespace, 'delete', 'daemonset', brokerName, '--ignore-not-found')
}

/** Whether CloudHub listens for QUIC: UDP does not answer to a knock, so the control plane itself is asked. */
export async function checkQuic({ $, topology }: TaskContext): Promise<Check> {
  if (topology.kubeedge.protocol !== 'quic') return done
  const listening = await $`ss -Hlun ${`sport = :${quicPort}`}`
  return doneIf(listening.stdout.trim() !== '', `CloudCore does not listen on UDP ${quicPort}`)
}

/** The broker's image, as its DaemonSet names it; undefined where there is none. */
export const imageOf = (broker: BrokerSet | undefined): string | undefined =>
  broker && (broker.spec?.template?.spec?.containers?.[0]?.image ?? 'of no image')

async function deployedBroker(cluster: Cluster, namespace: string): Promise<string | undefined> {
  return imageOf(await cluster.get<BrokerSet>('-n', namespace, 'daemonset', brokerName))
}

const imageNames = (ctx: TaskContext) => ctx.assets('image').map(({ name }) => name)
