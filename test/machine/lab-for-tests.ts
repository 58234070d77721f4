import type { Machine, Network, Node, Topology } from '../../lib/topology/topology.ts'

const network = (name: string, cidr: string, management = false): Network => ({ name, cidr, management })

const vm: Machine = { kind: 'vm', image: 'base', cpus: 2, memoryMiB: 4096, diskGiB: 20 }

function node(name: string, role: Node['role'], addresses: Readonly<Record<string, string>>): Node {
  const networks = Object.entries(addresses).map(([network, text]) => {
    const [address = '', length] = text.split('/')
    return { network, address, prefixLength: Number(length) }
  })
  return { name, role, machine: vm, networks, labels: {}, architecture: 'amd64', runtime: 'containerd' }
}

/** The reference lab: four VMs, a LAN for the cloud, one for each edge, and the management network. */
export const lab: Topology = {
  lab: 'paper',
  file: 'kedge.config.yaml',
  folder: '/home/me',
  hypervisor: { uri: 'qemu:///system', accelerator: 'auto', storage: '/srv/kedge' },
  networks: [
    network('management', '192.168.22.0/24', true),
    network('cloud', '192.168.23.0/24'),
    network('edge-1', '192.168.24.0/30'),
    network('edge-2', '192.168.24.8/30'),
  ],
  nodes: [
    node('master', 'control-plane', {
      management: '192.168.22.10/24',
      cloud: '192.168.23.10/24',
      'edge-1': '192.168.24.1/30',
      'edge-2': '192.168.24.9/30',
    }),
    node('worker', 'worker', { management: '192.168.22.11/24', cloud: '192.168.23.11/24' }),
    node('edge-1', 'edge', { management: '192.168.22.21/24', 'edge-1': '192.168.24.2/30' }),
    node('edge-2', 'edge', { management: '192.168.22.22/24', 'edge-2': '192.168.24.10/30' }),
  ],
  kubernetes: { distribution: 'kubeadm', version: '1.32.10', podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/12' },
  kubeedge: { version: '1.23.1', mqtt: 'none', protocol: 'websocket', anyKubernetes: false },
  tasks: [],
}

export function nodeOf(topology: Topology, name: string): Node {
  const found = topology.nodes.find((candidate) => candidate.name === name)
  if (!found) throw new Error(`No node ${name} in the test's lab`)
  return found
}

/** The same lab with something changed about one node. */
export const withNode = (name: string, change: Partial<Node>): Topology => ({
  ...lab,
  nodes: lab.nodes.map((candidate) => (candidate.name === name ? { ...candidate, ...change } : candidate)),
})
