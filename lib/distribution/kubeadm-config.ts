import { advertiseAddresses, cloudAddress } from '../topology/addresses.ts'
import type { Node, Topology } from '../topology/topology.ts'

/** The configuration API that a kubeadm of this Kubernetes version reads: v1beta4 came with 1.31. */
export function kubeadmApi(kubernetesVersion: string): string {
  const minor = Number(kubernetesVersion.replace(/^v/, '').split('.')[1])
  return minor >= 31 ? 'kubeadm.k8s.io/v1beta4' : 'kubeadm.k8s.io/v1beta3'
}

/** v1beta4 turned the maps of extra arguments into lists, so that a flag may be given twice. */
const extraArgs = (api: string, args: Readonly<Record<string, string>>) =>
  api.endsWith('v1beta4') ? Object.entries(args).map(([name, value]) => ({ name, value })) : args

const registration = (api: string, topology: Topology, node: Node, criSocket: string) => ({
  name: node.name,
  criSocket,
  kubeletExtraArgs: extraArgs(api, { 'node-ip': cloudAddress(topology, node) }),
})

/** The documents of `kubeadm init --config`; JSON, which is YAML too. */
export function initConfig(topology: Topology, node: Node, criSocket: string): string {
  const { version, podCidr, serviceCidr } = topology.kubernetes
  const api = kubeadmApi(version)
  const address = cloudAddress(topology, node)
  return documents([
    {
      apiVersion: api,
      kind: 'InitConfiguration',
      localAPIEndpoint: { advertiseAddress: address, bindPort: 6443 },
      nodeRegistration: registration(api, topology, node, criSocket),
    },
    {
      apiVersion: api,
      kind: 'ClusterConfiguration',
      kubernetesVersion: `v${version}`,
      clusterName: topology.lab,
      networking: { podSubnet: podCidr, serviceSubnet: serviceCidr },
      // Every address at which somebody may ask the API server: each LAN's and the management network's.
      apiServer: {
        certSANs: [...new Set([...advertiseAddresses(topology), ...node.networks.map(({ address }) => address)])],
      },
    },
    { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', cgroupDriver: 'systemd' },
  ])
}

/** The document of `kubeadm join --config`. The file holds a token: mode 0600, and removed after use. */
export function joinConfig(
  topology: Topology,
  node: Node,
  criSocket: string,
  discovery: { readonly endpoint: string; readonly token: string; readonly caCertHash: string },
): string {
  const api = kubeadmApi(topology.kubernetes.version)
  return documents([
    {
      apiVersion: api,
      kind: 'JoinConfiguration',
      discovery: {
        bootstrapToken: {
          apiServerEndpoint: discovery.endpoint,
          token: discovery.token,
          caCertHashes: [discovery.caCertHash],
        },
      },
      nodeRegistration: registration(api, topology, node, criSocket),
    },
  ])
}

const documents = (list: readonly object[]) =>
  list
    .map((document) => JSON.stringify(document, null, 2))
    .join('\n---\n')
    .concat('\n')
