/**
 * A lab as validated, plain, readonly data: what the YAML file says after defaults, merging and the rules.
 * Everything to the right of it on the arrow (plan, run, report) can be printed and reasoned about from this alone.
 */

/** Where something stands in a file; line and column count from 1. */
export type Place = { readonly file: string; readonly line: number; readonly column: number }

/** One complaint about what the user wrote. `source` is the offending line, `length` how far the caret line reaches. */
export type Problem = Place & {
  readonly message: string
  readonly source: string
  readonly length: number
  /** What to write instead, where that is known. */
  readonly hint?: string
}

export type Role = 'control-plane' | 'worker' | 'edge' | 'hypervisor'
export const phases = ['configuration', 'installation', 'verification'] as const
export type Phase = (typeof phases)[number]
export type Accelerator = 'auto' | 'kvm' | 'tcg'
/** As Debian and container images name it. */
export type Architecture = 'amd64' | 'arm64'
export type RuntimeName = 'containerd' | 'cri-o'
export type DistributionName = 'kubeadm' | 'k3s'

/** Who is the MQTT broker at the edge: Mosquitto from the bundle, one that runs on the machine already, or edgecore itself. */
export type Mqtt = 'bundle' | 'host' | 'none'
/** How an edge talks to CloudHub: over TCP 10000, or over UDP 10001. */
export type HubProtocol = 'websocket' | 'quic'

export type Hypervisor = {
  /** A libvirt connection URI, `qemu:///system` or `qemu+ssh://user@host/system`. */
  readonly uri: string
  readonly accelerator: Accelerator
  /** Absolute path of the folder, on the hypervisor, that holds this lab's disks. */
  readonly storage: string
}

export type Network = {
  readonly name: string
  /** IPv4 in CIDR notation, canonical (host bits zero). */
  readonly cidr: string
  /** The one network on which the hypervisor has an address (the first of the range) and reaches every VM. */
  readonly management: boolean
}

export type NodeAddress = { readonly network: string; readonly address: string; readonly prefixLength: number }

/** How to reach a machine over SSH. `key` is a path on the machine that runs kedge; `jump` is taken first. */
export type SshTarget = {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly key?: string
  readonly jump?: SshTarget
}

export type Machine =
  | {
      readonly kind: 'vm'
      /** Name of a `vm-image` piece in the bundle. */
      readonly image: string
      readonly cpus: number
      readonly memoryMiB: number
      readonly diskGiB: number
    }
  | { readonly kind: 'existing'; readonly ssh: SshTarget }
  /** The machine that kedge drives libvirt on; never an entry of `nodes`. */
  | { readonly kind: 'hypervisor' }

export type Node = {
  readonly name: string
  readonly role: Role
  readonly machine: Machine
  /** In the order of the file. */
  readonly networks: readonly NodeAddress[]
  readonly labels: Readonly<Record<string, string>>
  readonly architecture: Architecture
  readonly runtime: RuntimeName
  /** Where this edge reaches CloudCore, for an existing machine that shares no network of the file with the control plane. */
  readonly cloudcore?: string
}

/** A need as written: `task`, `task@node`, or `{ task, on }`. */
export type Need = {
  readonly task: string
  readonly on?: readonly string[]
  /** Where the needed task's `before` says it of some instances: selectors of those that wait. */
  readonly waiting?: readonly string[]
  readonly place: Place
}

/** Patterns of the files that a task reads and makes, as the file has them. */
export type TaskFiles = { readonly inputs: readonly string[]; readonly outputs: readonly string[] }

/** One entry of `tasks`, after the merge with the embedded wiring. */
export type Wiring = {
  readonly name: string
  /** Selectors: `hypervisor`, `nodes`, `cloud`, a role, or a node's name. */
  readonly on: readonly string[]
  /** What other tasks' `before` says of it included. */
  readonly needs: readonly Need[]
  readonly phase: Phase
  readonly timeoutSeconds: number
  readonly retries: number
  readonly env: Readonly<Record<string, string>>
  /** A one-liner; without it the task's code comes from `script` or from the task of this name. */
  readonly sh?: string
  readonly check?: string
  /** What decides, beside a check, whether it is done: the contents of `inputs`, and that all `outputs` are there. */
  readonly files?: TaskFiles
  /** Absolute path. */
  readonly script?: string
  /** `name: null` in the file: runs nowhere; who needs it waits for what it needed. */
  readonly removed: boolean
  readonly place: Place
}

export type FetchedFrom = {
  /** Base addresses by the name of what they stand in for. */
  readonly sources: Readonly<Record<string, string>>
  /** Registries by the name of the one that they stand in for. */
  readonly registries: Readonly<Record<string, string>>
  readonly proxy?: string
  /** Absolute path of authorities in PEM, or from `~/`. */
  readonly ca?: string
}

export type Topology = {
  readonly lab: string
  /** Path of the file as the user gave it, for messages. */
  readonly file: string
  /** Absolute folder against which relative paths in the file are resolved. */
  readonly folder: string
  readonly hypervisor: Hypervisor
  readonly networks: readonly Network[]
  readonly nodes: readonly Node[]
  readonly kubernetes: {
    readonly distribution: DistributionName
    readonly version: string
    readonly podCidr: string
    readonly serviceCidr: string
  }
  readonly kubeedge: {
    readonly version: string
    readonly mqtt: Mqtt
    readonly protocol: HubProtocol
    /** The pair of versions was let through, listed by KubeEdge or not. */
    readonly anyKubernetes: boolean
  }
  /** Absolute path of the bundle, where the file names one. */
  readonly bundle?: string
  /** Where `kedge bundle create` fetches from, where the file says so. */
  readonly mirrors?: FetchedFrom
  /** In the order of the file: embedded entries first, own ones after. */
  readonly tasks: readonly Wiring[]
}

/** Stands for the hypervisor wherever an instance needs a node. */
export const hypervisorNode: Node = {
  name: 'hypervisor',
  role: 'hypervisor',
  machine: { kind: 'hypervisor' },
  networks: [],
  labels: {},
  architecture: 'amd64',
  runtime: 'containerd',
}
