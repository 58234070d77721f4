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

export const runtimeName = Type.Enum(['containerd', 'cri-o'], {
  description: 'The container runtime.',
  default: defaults.runtime,
})

const address = (description: string, example: string) =>
  Type.String({
    title: 'IPv4 address',
    description,
    pattern: '^[0-9]{1,3}(\\.[0-9]{1,3}){3}$',
    examples: [example],
  })

const size = (description: string, more: object) =>
  Type.String({ title: 'size', description, pattern: sizePattern, ...more })

/** What a VM is made of. */
export const machineKeys = {
  image: Type.Optional(
    Type.String({
      title: 'image name',
      description: 'Name of a VM image in the bundle.',
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
      default: defaults.machine.image,
      examples: ['base'],
    }),
  ),
  cpus: Type.Optional(
    Type.Integer({
      description: 'Virtual CPUs.',
      minimum: 1,
      maximum: 512,
      default: defaults.machine.cpus,
      examples: [2],
    }),
  ),
  memory: Type.Optional(
    size('Memory, in MiB, GiB or TiB.', { default: defaults.machine.memory, examples: ['4GiB', '2048MiB'] }),
  ),
  disk: Type.Optional(
    size('Size of the root disk, in whole GiB.', { default: defaults.machine.disk, examples: ['20GiB'] }),
  ),
}

/** What its programs and images are built for. */
export const architecture = Type.Enum(['amd64', 'arm64'], {
  description: 'Processor architecture, as Debian and container images name it.',
  default: defaults.architecture,
})

export const machineSchema = { examples: [defaults.machine] }

const sshKeys = {
  host: Type.String({
    title: 'host name or address',
    description: 'Host name or IP address.',
    pattern: '^[A-Za-z0-9_:][A-Za-z0-9._:%-]*$',
    examples: ['10.0.0.7'],
  }),
  port: Type.Optional(
    Type.Integer({ description: 'TCP port.', minimum: 1, maximum: 65535, default: defaults.ssh.port }),
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

const farJump = Type.Object(sshKeys, { ...closed, description: 'A machine to go through first.' })
const jump = Type.Object(
  { ...sshKeys, jump: Type.Optional(farJump) },
  { ...closed, description: 'A machine to go through first; it may have a `jump` of its own.' },
)
const sshSchema = Type.Object(
  { ...sshKeys, jump: Type.Optional(jump) },
  { ...closed, description: 'A machine that exists already, instead of a VM. Its host key must be in known_hosts.' },
)

export const nodeSchema = Type.Object(
  {
    role: Type.Enum(['control-plane', 'worker', 'edge'], { description: 'What the node is in the KubeEdge system.' }),
    networks: Type.Optional(
      mapOf(
        address("The node's address there.", '192.168.23.10'),
        'The networks that the node is on, in the order of its network cards, with its address on each.',
      ),
    ),
    ...machineKeys,
    architecture: Type.Optional(architecture),
    runtime: Type.Optional(runtimeName),
    labels: Type.Optional(
      mapOf(scalar('Value of the label.', { examples: ['camera'] }), 'Kubernetes labels of the node.'),
    ),
    ssh: Type.Optional(sshSchema),
    cloudcore: Type.Optional(
      address(
        'Where this edge reaches CloudCore, for an existing machine that is on no network of the control plane.',
        '203.0.113.10',
      ),
    ),
  },
  { ...closed, description: 'A VM, or with `ssh` a machine that exists already.' },
)
