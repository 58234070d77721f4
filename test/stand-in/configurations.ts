/** kubeadm's files as a lab writes them; JSON is YAML too. */
export function initConfiguration(options: {
  readonly name: string
  readonly address: string
  readonly names?: readonly string[]
  readonly cgroupDriver?: string
  readonly api?: string
  readonly kubeletExtraArgs?: unknown
  readonly extra?: Readonly<Record<string, unknown>>
}): string {
  const api = options.api ?? 'kubeadm.k8s.io/v1beta4'
  return documents([
    {
      apiVersion: api,
      kind: 'InitConfiguration',
      localAPIEndpoint: { advertiseAddress: options.address, bindPort: 6443 },
      nodeRegistration: {
        name: options.name,
        kubeletExtraArgs: options.kubeletExtraArgs ?? [{ name: 'node-ip', value: options.address }],
      },
      ...options.extra,
    },
    {
      apiVersion: api,
      kind: 'ClusterConfiguration',
      kubernetesVersion: 'v1.32.10',
      networking: { podSubnet: '10.244.0.0/16', serviceSubnet: '10.96.0.0/12' },
      apiServer: { certSANs: options.names ?? [] },
    },
    {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      cgroupDriver: options.cgroupDriver ?? 'systemd',
    },
  ])
}

/** From the words of `kubeadm token create --print-join-command`. */
export function joinConfiguration(command: string, name: string, address: string): string {
  const [, endpoint, token, hash] = /join (\S+) --token (\S+) --discovery-token-ca-cert-hash (\S+)/.exec(command) ?? []
  return documents([
    {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'JoinConfiguration',
      discovery: { bootstrapToken: { apiServerEndpoint: endpoint, token, caCertHashes: [hash] } },
      nodeRegistration: { name, kubeletExtraArgs: [{ name: 'node-ip', value: address }] },
    },
  ])
}

const documents = (list: readonly object[]) => list.map((document) => JSON.stringify(document)).join('\n---\n')
