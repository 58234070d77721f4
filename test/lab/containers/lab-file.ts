import { labNetworks } from '../lab-file.ts'
import type { Container } from './containers.ts'

export type ContainerLabOptions = {
  readonly distribution: 'kubeadm' | 'k3s'
  readonly kubernetes: string
  readonly kubeedge: string
  /** A pair that KubeEdge does not list. */
  readonly anyKubernetes: boolean
  /** `edge-2` gets this one, every other node containerd. */
  readonly runtime: 'containerd' | 'cri-o'
}

const addresses = {
  master: {
    role: 'control-plane',
    networks: {
      management: '192.168.22.10/24',
      cloud: '192.168.23.10/24',
      'edge-1': '192.168.24.1/30',
      'edge-2': '192.168.24.9/30',
    },
  },
  worker: { role: 'worker', networks: { management: '192.168.22.11/24', cloud: '192.168.23.11/24' } },
  'edge-1': { role: 'edge', networks: { management: '192.168.22.21/24', 'edge-1': '192.168.24.2/30' } },
  'edge-2': { role: 'edge', networks: { management: '192.168.22.22/24', 'edge-2': '192.168.24.10/30' } },
} as const

const serviceCidr = '10.96.0.0/12'
/** Nobody else gives these machines a way to Services: nodes without a default route have none, and CloudCore needs one. */
const routes: Readonly<Record<string, readonly string[]>> = {
  master: [`${serviceCidr} via 192.168.23.11`],
  worker: [`${serviceCidr} via 192.168.23.10`],
}

/** The paper's reference lab as containers. */
export const containers: readonly Container[] = Object.entries(addresses).map(([name, { networks }]) => ({
  name,
  networks,
  ...(routes[name] ? { routes: routes[name] } : {}),
}))

export const gateway = { lan: 'management', address: '192.168.22.1/24' }

/** The same lab as kedge is told of it: machines that exist already. */
export function containerLabFile(lab: string, key: string, options: ContainerLabOptions): string {
  const { distribution, kubernetes, kubeedge, anyKubernetes, runtime } = options
  const nodes = Object.entries(addresses).map(([name, { role, networks }]) => {
    const bare = Object.entries(networks).map(([network, address]) => `${network}: ${address.split('/')[0]}`)
    const own = name === 'edge-2' && runtime !== 'containerd' ? `\n    runtime: ${runtime}` : ''
    return `  ${name}:
    role: ${role}${own}
    ssh: { host: ${networks.management.split('/')[0]}, user: root, key: ${key} }
    networks: { ${bare.join(', ')} }
    labels: { lab: ${name} }`
  })
  return `version: 1
lab: ${lab}

${labNetworks}
nodes:
${nodes.join('\n')}

runtime: { name: containerd }
kubernetes: { distribution: ${distribution}, version: ${kubernetes}, podCidr: 10.244.0.0/16, serviceCidr: ${serviceCidr} }
kubeedge: { version: ${kubeedge}${anyKubernetes ? ', anyKubernetes: true' : ''} }
bundle: ./bundle
`
}
