import type { Node } from '../topology/topology.ts'

export type Port = { readonly port: number; readonly protocol: 'tcp' | 'udp'; readonly purpose: string }

/** `10000/tcp`, as firewalls write it. */
export const portName = ({ port, protocol }: Port): string => `${port}/${protocol}`

/** CloudHub's default, where edges connect. */
export const hubPort = 10000
/** CloudHub over HTTPS, where edges get their certificates. */
export const certificatePort = 10002
/** CloudStream's tunnel, for logs and exec. */
export const tunnelPort = 10004

/** What must be reachable from outside on the cloud side; edges need nothing open. */
export function requiredPorts(node: Node): readonly Port[] {
  if (node.role === 'edge') return []
  const everyCloudNode: readonly Port[] = [
    { port: 10250, protocol: 'tcp', purpose: 'kubelet' },
    { port: 8472, protocol: 'udp', purpose: 'pod network (VXLAN)' },
  ]
  if (node.role !== 'control-plane') return everyCloudNode
  return [
    { port: hubPort, protocol: 'tcp', purpose: 'CloudHub' },
    { port: certificatePort, protocol: 'tcp', purpose: 'CloudHub certificates' },
    { port: tunnelPort, protocol: 'tcp', purpose: 'CloudStream tunnel' },
    { port: 6443, protocol: 'tcp', purpose: 'Kubernetes API' },
    ...everyCloudNode,
  ]
}
