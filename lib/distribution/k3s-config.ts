import type { Runtime } from '../runtime/runtime.ts'
import { advertiseAddresses, cloudAddress, controlPlane } from '../topology/addresses.ts'
import type { Node, Topology } from '../topology/topology.ts'

/** Where server and agent read their flags, one key each. */
export const configFile = '/etc/rancher/k3s/config.yaml'
/** The agent's token; apart from the rest, which is no secret. */
export const tokenFile = '/etc/rancher/k3s/kedge-token'

type Config = Readonly<Record<string, string | boolean | readonly string[]>>

/**
 * What a K3s server is told, as JSON, which is YAML too. K3s must not bring its own runtime, pod network or add-ons: the
 * runtime of steps 4 and 5 is there, the bundle's network goes where that runtime looks and is kept off edges, and
 * servicelb would put pods on edges. It takes the DNS address from the Service range, the tenth, as kubeadm does.
 */
export function serverConfig(topology: Topology, node: Node, runtime: Pick<Runtime, 'endpoint'>): string {
  const { version, podCidr, serviceCidr } = topology.kubernetes
  return json({
    ...nodeConfig(topology, node, runtime),
    'advertise-address': cloudAddress(topology, node),
    // Every address at which somebody may ask the API server: each LAN's and the management network's.
    'tls-san': [...new Set([...advertiseAddresses(topology), ...node.networks.map(({ address }) => address)])],
    'cluster-cidr': podCidr,
    'service-cidr': serviceCidr,
    'flannel-backend': 'none',
    'disable-network-policy': true,
    disable: ['traefik', 'servicelb', 'metrics-server', 'local-storage'],
    'write-kubeconfig-mode': '600',
    'kube-apiserver-arg': [
      // The API server reaches an edge through CloudCore, whose certificate K3s' CA has not signed: logs and exec need this.
      'kubelet-certificate-authority=',
      // K3s would ask for an edge by its name, which nothing has to know.
      'kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname',
    ],
    ...(hasEgressSelector(version) ? { 'egress-selector-mode': 'disabled' } : {}),
  })
}

/** What a K3s agent is told; its token lies in a file of its own. */
export function agentConfig(topology: Topology, node: Node, runtime: Pick<Runtime, 'endpoint'>): string {
  return json({
    ...nodeConfig(topology, node, runtime),
    server: `https://${cloudAddress(topology, controlPlane(topology))}:6443`,
    'token-file': tokenFile,
  })
}

const nodeConfig = (topology: Topology, node: Node, { endpoint }: Pick<Runtime, 'endpoint'>): Config => ({
  'node-name': node.name,
  // Said, because a lab's LANs have no default route to guess it from.
  'node-ip': cloudAddress(topology, node),
  // As a path: old K3s puts `unix://` before whatever stands here.
  'container-runtime-endpoint': endpoint.replace(/^unix:\/\//, ''),
  'kubelet-arg': ['cgroup-driver=systemd'],
})

/**
 * Since 1.22 K3s takes the API server to kubelets through tunnels of its agents, and refuses nodes that have none, as edges
 * do. The flag came with 1.24's first patches; before there are no flags that K3s would not stumble over.
 */
const hasEgressSelector = (version: string): boolean => Number(version.split('.')[1]) >= 25

const json = (config: Config): string => `${JSON.stringify(config, null, 2)}\n`
