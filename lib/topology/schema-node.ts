import { type Static, type TSchema, Type } from 'typebox'
import { defaults } from './defaults.ts'
import { sizePattern } from './quantity.ts'

const closed = { additionalProperties: false }

/** A map from names that the user chooses to entries of one kind. */
export const mapOf = <Entry extends TSchema>(entry: Entry, description: string, more: object = {}) =>
  Type.Unsafe<Record<string, Static<Entry>>>({ type: 'object', additionalProperties: entry, description, ...more })

/** A value that is meant as text, yet that YAML may read as a number or a boolean: `gpu: true`. */
export const scalar = (description: string, more: object = {}) =>
  Type.Unsafe<string | number | boolean>({ type: ['string', 'number', 'boolean'], description, ...more })

/** Text on one line, not all of it blank, without what a terminal obeys, what XML cannot hold, or what nobody can see. */
export const pathPattern =
  '^(?=.*\\S)[^\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ud800-\\udfff\\ufeff\\ufffe\\uffff]*$'

const runtimes = ['containerd', 'cri-o'] as const

export const runtimeName = Type.Enum(runtimes, {
  description: 'The container runtime of every node that does not say its own.',
  default: defaults.runtime,
  examples: ['cri-o'],
})

const address = (description: string, example: string) =>
  Type.String({
    title: 'IPv4 address',
    description,
    pattern: '^[0-9]{1,3}(\\.[0-9]{1,3}){3}$',
    examples: [example],
  })

const size = (more: object) => Type.String({ title: 'size', pattern: sizePattern, ...more })

type MachineKey = keyof typeof defaults.machine

/** What a VM is made of; `absence` tells what holds where a key is not there: in words, or as its default. */
const machineKeys = (absence: (key: MachineKey) => { readonly words?: string; readonly default?: unknown }) => {
  const about = (key: MachineKey, description: string) => {
    const { words = '', ...more } = absence(key)
    return { description: `${description}${words}`, ...more }
  }
  return {
    image: Type.Optional(
      Type.String({
        title: 'image name',
        pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
        examples: ['base'],
        ...about('image', 'Name of a VM image in the bundle.'),
      }),
    ),
    cpus: Type.Optional(Type.Integer({ minimum: 1, maximum: 512, examples: [2], ...about('cpus', 'Virtual CPUs.') })),
    memory: Type.Optional(size({ examples: ['4GiB', '2048MiB'], ...about('memory', 'Memory, in MiB, GiB or TiB.') })),
    disk: Type.Optional(size({ examples: ['20GiB'], ...about('disk', 'Size of the root disk, in whole GiB.') })),
  }
}

/** For every VM that does not say otherwise. */
export const machineSchema = Type.Object(
  machineKeys((key) => ({ default: defaults.machine[key] })),
  {
    ...closed,
    description: 'What VMs are made of that do not say otherwise. Without it, what its keys are by default.',
    examples: [defaults.machine],
  },
)

const sshKeys = {
  host: Type.String({
    title: 'host name or address',
    description: 'Host name or IP address. Required.',
    pattern: '^[A-Za-z0-9_:][A-Za-z0-9._:%-]*$',
    examples: ['10.0.0.7'],
  }),
  port: Type.Optional(
    Type.Integer({
      description: 'TCP port.',
      minimum: 1,
      maximum: 65535,
      default: defaults.ssh.port,
      examples: [2222],
    }),
  ),
  user: Type.Optional(
    Type.String({
      title: 'user name',
      description: 'Who logs in; anyone but root needs sudo without a password.',
      pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]*$',
      default: defaults.ssh.user,
      examples: ['pi'],
    }),
  ),
  key: Type.Optional(
    Type.String({
      title: 'path',
      description:
        'Private key, relative to this file or from `~/`. Without it the agent and the usual keys are tried.',
      pattern: pathPattern,
      examples: ['~/.ssh/id_ed25519'],
    }),
  ),
}

const jumpExample = { host: '192.168.1.5', user: 'admin' }
const farJump = Type.Object(sshKeys, {
  ...closed,
  description: 'A machine to go through before that one. Without it that one is reached directly.',
  examples: [jumpExample],
})
const jump = Type.Object(
  { ...sshKeys, jump: Type.Optional(farJump) },
  {
    ...closed,
    description:
      'A machine to go through first; it may have a `jump` of its own. Without it the machine is reached directly.',
    examples: [jumpExample],
  },
)
const sshSchema = Type.Object(
  { ...sshKeys, jump: Type.Optional(jump) },
  {
    ...closed,
    description:
      'A machine that exists already, instead of a VM. Its host key must be in known_hosts. Without it kedge makes a VM.',
    examples: [{ host: '10.0.0.7', user: 'pi', key: '~/.ssh/id_ed25519' }],
  },
)

export const nodeSchema = Type.Object(
  {
    role: Type.Enum(['control-plane', 'worker', 'edge'], {
      description: 'What the node is in the KubeEdge system. Required; one node is the control plane.',
      examples: ['edge'],
    }),
    networks: Type.Optional(
      mapOf(
        address("The node's address there.", '192.168.23.10'),
        'The networks that the node is on, in the order of its network cards, with its address on each. Without it none, which only a machine that exists already may be on.',
        { examples: [{ management: '192.168.22.10', cloud: '192.168.23.10' }] },
      ),
    ),
    ...machineKeys((key) => ({ words: ` Without it that of \`machine\`, else ${defaults.machine[key]}.` })),
    architecture: Type.Optional(
      Type.Enum(['amd64', 'arm64'], {
        description: 'Processor architecture, as Debian and container images name it.',
        default: defaults.architecture,
        examples: ['arm64'],
      }),
    ),
    runtime: Type.Optional(
      Type.Enum(runtimes, {
        description: 'The container runtime of this node. Without it the `name` under `runtime`.',
        examples: ['cri-o'],
      }),
    ),
    labels: Type.Optional(
      mapOf(
        scalar('Value of the label.', { examples: ['camera'] }),
        'Kubernetes labels of the node. Without it only those that Kubernetes and KubeEdge give.',
        { examples: [{ device: 'camera' }] },
      ),
    ),
    ssh: Type.Optional(sshSchema),
    cloudcore: Type.Optional(
      address(
        'Where this edge reaches CloudCore, for an existing machine that is on no network of the control plane. Without it the address of the control plane on a network of both.',
        '203.0.113.10',
      ),
    ),
  },
  {
    ...closed,
    description: 'A VM, or with `ssh` a machine that exists already.',
    examples: [{ role: 'edge', networks: { management: '192.168.22.21', 'edge-1': '192.168.24.2' } }],
  },
)
