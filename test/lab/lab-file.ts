import type { Accelerator } from './accelerator.ts'
import { imageDiskGiB } from './image-disk.ts'

export type LabFileOptions = {
  readonly lab: string
  readonly uri: string
  readonly accelerator: Accelerator
  /** Absolute. */
  readonly storage: string
  readonly kubernetes: string
  readonly kubeedge: string
  /** Without `worker`, which may come later: no other machine needs anything for it. */
  readonly isWorkerless?: boolean
}

/** The paper's LANs, and the one that kedge comes over. */
export const labNetworks = `networks:
  management: { cidr: 192.168.22.0/24, management: true }
  cloud:      { cidr: 192.168.23.0/24 }
  edge-1:     { cidr: 192.168.24.0/30 }
  edge-2:     { cidr: 192.168.24.8/30 }
`

/** Those that a machine at its full speed is given five minutes for. */
const shortTasks = ['disable-swap', 'open-ports', 'set-cgroup-driver', 'install-cloudcore', 'get-token', 'send-token']

/** The small reference lab: the paper's LANs and addresses, machines as small as kubeadm allows. */
export const labFile = ({
  lab,
  uri,
  accelerator,
  storage,
  kubernetes,
  kubeedge,
  isWorkerless = false,
}: LabFileOptions): string => {
  const worker = `  worker:
    role: worker
    memory: 2GiB
    networks: { management: 192.168.22.11, cloud: 192.168.23.11 }
`
  return `version: 1
lab: ${lab}

hypervisor:
  uri: ${uri}
  accelerator: ${accelerator}
  storage: ${storage}

${labNetworks}
# One CPU where kubeadm lets it be: emulated ones wait for each other.
machine: { image: base, cpus: 1, memory: 1GiB, disk: ${imageDiskGiB}GiB }

nodes:
  master:
    role: control-plane
    cpus: 2
    memory: 2GiB
    networks:
      management: 192.168.22.10
      cloud: 192.168.23.10
      edge-1: 192.168.24.1
      edge-2: 192.168.24.9
${isWorkerless ? '' : worker}  edge-1:
    role: edge
    networks: { management: 192.168.22.21, edge-1: 192.168.24.2 }
  edge-2:
    role: edge
    networks: { management: 192.168.22.22, edge-2: 192.168.24.10 }

runtime: { name: containerd }
kubernetes: { distribution: kubeadm, version: ${kubernetes}, podCidr: 10.244.0.0/16, serviceCidr: 10.96.0.0/12 }
kubeedge: { version: ${kubeedge} }
bundle: ./bundle

# Emulated machines that share two processors take minutes for what takes seconds elsewhere.
tasks:
${shortTasks.map((name) => `  ${name}: { timeout: 15m }\n`).join('')}`
}

/** The same lab file, from the text of one that `labFile` wrote, with another choice. */
export function labFileIn(text: string, change: Pick<LabFileOptions, 'isWorkerless'>): string {
  const value = (pattern: RegExp) => pattern.exec(text)?.[1] ?? ''
  return labFile({
    lab: value(/^lab: (.*)$/m),
    uri: value(/^ {2}uri: (.*)$/m),
    accelerator: value(/^ {2}accelerator: (.*)$/m) === 'kvm' ? 'kvm' : 'tcg',
    storage: value(/^ {2}storage: (.*)$/m),
    kubernetes: value(/^kubernetes: .*version: ([^,]*),/m),
    kubeedge: value(/^kubeedge: \{ version: (\S+) \}$/m),
    ...change,
  })
}
