import type { HubProtocol, Node } from '../topology/topology.ts'

export type Port = { readonly port: number; readonly protocol: 'tcp' | 'udp'; readonly purpose: string }

/** `10000/tcp`, as firewalls write it. */
export const portName = ({ port, protocol }: Port): string => `${port}/${protocol}`

/** CloudHub's default, where edges connect. */
export const hubPort = 10000
/** CloudHub over QUIC, which is off unless it is asked for. */
export const quicPort = 10001
/** CloudHub over HTTPS, where edges get their certificates. */
export const certificatePort = 10002
/** CloudStream's tunnel, for logs and exec. */
export const tunnelPort = 10004

/** Where an MQTT broker listens on an edge. */
export const mqttPort = 1883

/** Where edges come in that talk to CloudHub this way. */
export const hubPortOf = (protocol: HubProtocol): number => (protocol === 'quic' ? quicPort : hubPort)

/** The TCP ports that an edge itself must reach; QUIC's own is UDP, and does not answer to a knock. */
export const portsToReach = (protocol: HubProtocol): readonly number[] => [
  ...(protocol === 'quic' ? [] : [hubPort]),
  certificatePort,
  tunnelPort,
]

/** What must be reachable from outside on the cloud side; edges need nothing open. */
export function requiredPorts(node: Node, protocol: HubProtocol): readonly Port[] {
  if (node.role === 'edge') return []
  const everyCloudNode: readonly Port[] = [
    { port: 10250, protocol: 'tcp', purpose: 'kubelet' },
    { port: 8472, protocol: 'udp', purpose: 'pod network (VXLAN)' },
  ]
  if (node.role !== 'control-plane') return everyCloudNode
  return [
    { port: hubPort, protocol: 'tcp', purpose: 'CloudHub' },
    ...(protocol === 'quic' ? [{ port: quicPort, protocol: 'udp', purpose: 'CloudHub over QUIC' } as const] : []),
    { port: certificatePort, protocol: 'tcp', purpose: 'CloudHub certificates' },
    { port: tunnelPort, protocol: 'tcp', purpose: 'CloudStream tunnel' },
    { port: 6443, protocol: 'tcp', purpose: 'Kubernetes API' },
    ...everyCloudNode,
  ]
}
