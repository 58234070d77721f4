import { mustBeRuntime, whyOtherRuntime } from '../runtime/joined-with.ts'
import { runtimeOf } from '../runtime/runtime.ts'
import { type Check, done, pending, type TaskContext } from '../task/task.ts'
import { addressToCloud, cloudcoreAddress } from '../topology/addresses.ts'
import { changeYaml, yamlReader, yamlValue } from '../topology/change-yaml.ts'
import type { Topology } from '../topology/topology.ts'
import { mqttMode } from './mqtt.ts'
import { certificatePort, hubPortOf, tunnelPort } from './ports.ts'

export const edgecoreFile = '/etc/kubeedge/config/edgecore.yaml'

type Setting = readonly [path: string, value: string | number | boolean]

/** What the file asks of edgecore.yaml, by yaml path. `cloudcore` is the address of CloudCore on the edge's own LAN. */
export function edgeSettings({ kubeedge }: Pick<Topology, 'kubeedge'>, cloudcore: string): readonly Setting[] {
  const isQuic = kubeedge.protocol === 'quic'
  return [
    // Logs and exec need it, and it is off.
    ['modules.edgeStream.enable', true],
    ['modules.eventBus.mqttMode', mqttMode(kubeedge.mqtt)],
    ['modules.edgeHub.websocket.enable', !isQuic],
    ['modules.edgeHub.quic.enable', isQuic],
    [`modules.edgeHub.${kubeedge.protocol}.server`, `${cloudcore}:${hubPortOf(kubeedge.protocol)}`],
    ['modules.edgeHub.httpServer', `https://${cloudcore}:${certificatePort}`],
    ['modules.edgeStream.server', `${cloudcore}:${tunnelPort}`],
  ]
}

/**
 * The address by which the node is known; edgecore would take that of the default route. Not by the NIC's name, for which there
 * is a setting too: with that one edgecore does not start while the NIC has no link, and an edge that is cut off stays dead
 * after its next boot.
 */
const addressSetting = (address: string | undefined): readonly Setting[] =>
  address
    ? [
        ['modules.edged.nodeIP', address],
        ['modules.edged.customInterfaceName', ''],
      ]
    : []

/** Those of the settings that a text of edgecore.yaml has otherwise; one that is not there counts as 0, false or none. */
function unsetIn(text: string, settings: readonly Setting[]): readonly Setting[] {
  const read = yamlReader(text)
  return settings.filter(([path, value]) => (read(path.split('.')) ?? noneLike(value)) !== value)
}

const noneLike = (value: Setting[1]) => (typeof value === 'number' ? 0 : typeof value === 'boolean' ? false : '')

const settingsOf = ({ topology, node }: TaskContext): readonly Setting[] => [
  ...edgeSettings(topology, cloudcoreAddress(topology, node)),
  ...addressSetting(addressToCloud(topology, node)),
]

/** The CRI endpoint that the edge was joined with. */
function endpointIn(text: string): string | undefined {
  const value = yamlValue(text, ['modules', 'edged', 'tailoredKubeletConfig', 'containerRuntimeEndpoint'])
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Whether edgecore's file is as the lab's asks: what may have changed there since the join. */
export async function checkEdgeConfig(ctx: TaskContext): Promise<Check> {
  const text = await ctx.host.read(edgecoreFile)
  if (text === undefined) return pending(`${edgecoreFile} is missing`)
  const other = whyOtherRuntime(ctx, endpointIn(text) ?? runtimeOf(ctx).endpoint)
  if (other) return pending(other)
  const [differs] = unsetIn(text, settingsOf(ctx))
  if (!differs) return done
  const [path, value] = differs
  return pending(`edgecore.yaml has ${path} ${yamlValue(text, path.split('.')) ?? 'unset'}, not ${value}`)
}

/** Brings edgecore's file to what the lab's asks, and edgecore with it; leaves one that is so alone. */
export async function applyEdgeConfig(ctx: TaskContext): Promise<void> {
  const { $, host } = ctx
  const text = await host.read(edgecoreFile)
  if (text === undefined) return
  mustBeRuntime(ctx, endpointIn(text) ?? runtimeOf(ctx).endpoint)
  const changes = unsetIn(text, settingsOf(ctx))
  if (changes.length === 0) return
  ctx.say(`edgecore.yaml: ${changes.map(([path, value]) => `${path}=${value}`).join(', ')}`)
  const aside = `${edgecoreFile}.kedge`
  // keadm leaves the token in this file.
  await host.write(
    aside,
    changeYaml(
      text,
      changes.map(([path, value]) => [path.split('.'), value]),
    ),
    { mode: 0o600 },
  )
  // Stop, rename, start: should this be cut off, an edgecore that runs has read the file that is there.
  await $`systemctl stop edgecore && mv -f ${aside} ${edgecoreFile} && systemctl start edgecore`
}
