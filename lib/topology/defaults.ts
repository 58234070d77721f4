/** What holds where the file says nothing; the schema publishes the same values. */
export const defaults = {
  hypervisor: { uri: 'qemu:///system', accelerator: 'auto', storage: '/var/lib/libvirt/images/kedge' },
  machine: { image: 'base', cpus: 2, memory: '4GiB', disk: '20GiB' },
  architecture: 'amd64',
  ssh: { port: 22, user: 'root' },
  runtime: 'containerd',
  kubernetes: { distribution: 'kubeadm', podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/12' },
  kubeedge: { mqtt: 'none', protocol: 'websocket', anyKubernetes: false },
  /** Where files are published, by the names that `mirrors` takes. */
  sources: {
    kubernetes: 'https://dl.k8s.io/release',
    'cri-tools': 'https://github.com/kubernetes-sigs/cri-tools/releases/download',
    kubeedge: 'https://github.com/kubeedge/kubeedge/releases/download',
    k3s: 'https://github.com/k3s-io/k3s/releases/download',
    flannel: 'https://raw.githubusercontent.com/flannel-io/flannel',
    'cloud-image': 'https://cloud.debian.org/images/cloud',
  },
  task: { phase: 'configuration', timeout: '5m', retries: 0 },
} as const
