import { type Static, Type } from 'typebox'
import { defaults } from './defaults.ts'
import { mirrorsSchema } from './schema-mirrors.ts'
import { machineKeys, machineSchema, mapOf, nodeSchema, pathPattern, runtimeName } from './schema-node.ts'
import { taskSchema } from './schema-task.ts'

const closed = { additionalProperties: false }

const hypervisorSchema = Type.Object(
  {
    uri: Type.Optional(
      Type.String({
        title: 'libvirt URI',
        description: 'Where libvirt runs: this machine, or another one over SSH.',
        pattern: '^[a-z][a-z0-9+.-]*://[!-~]*$',
        default: defaults.hypervisor.uri,
        examples: ['qemu:///system', 'qemu+ssh://root@192.168.1.5/system'],
      }),
    ),
    accelerator: Type.Optional(
      Type.Enum(['auto', 'kvm', 'tcg'], {
        description: 'How the VMs run: `kvm` in hardware, `tcg` emulated; `auto` takes KVM where it works.',
        default: defaults.hypervisor.accelerator,
      }),
    ),
    storage: Type.Optional(
      Type.String({
        title: 'absolute path',
        description: "Folder on the hypervisor for the lab's disks.",
        pattern: `^(?=/)${pathPattern.slice(1)}`,
        default: defaults.hypervisor.storage,
        examples: ['/var/lib/libvirt/images/kedge'],
      }),
    ),
  },
  { ...closed, description: 'The machine that the VMs run on.' },
)

const cidr = (description: string, example: string, more: object = {}) =>
  Type.String({
    title: 'IPv4 range',
    description,
    pattern: '^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$',
    examples: [example],
    ...more,
  })

const networkSchema = Type.Object(
  {
    cidr: cidr('The range, with host bits zero.', '192.168.23.0/24'),
    management: Type.Optional(
      Type.Boolean({
        description:
          'The one network on which kedge reaches the VMs: the hypervisor has the first address of its range, and nothing is forwarded.',
        default: false,
      }),
    ),
  },
  { ...closed, description: 'An isolated LAN.', examples: [{ cidr: '192.168.23.0/24' }] },
)

const kubernetesSchema = Type.Object(
  {
    distribution: Type.Optional(
      Type.Enum(['kubeadm', 'k3s'], {
        description: 'How the cloud side is installed.',
        default: defaults.kubernetes.distribution,
      }),
    ),
    version: Type.Optional(
      Type.String({
        title: 'version',
        description: 'Full version; it must fit that of KubeEdge.',
        pattern: '^[0-9]+\\.[0-9]+\\.[0-9]+(\\+k3s[0-9]+)?$',
        examples: ['1.32.10'],
      }),
    ),
    podCidr: Type.Optional(cidr('Addresses for pods.', '10.244.0.0/16', { default: defaults.kubernetes.podCidr })),
    serviceCidr: Type.Optional(
      cidr('Addresses for Services.', '10.96.0.0/12', { default: defaults.kubernetes.serviceCidr }),
    ),
  },
  { ...closed, description: 'Kubernetes on the cloud side.' },
)

const kubeedgeSchema = Type.Object(
  {
    version: Type.Optional(
      Type.String({
        title: 'version',
        description: 'Full version, the same for cloud and edge.',
        pattern: '^[0-9]+\\.[0-9]+\\.[0-9]+$',
        examples: ['1.23.1'],
      }),
    ),
    mqtt: Type.Optional(
      Type.Enum(['bundle', 'host', 'none'], {
        description:
          "The MQTT broker at the edge: `none` is edgecore's internal one, `bundle` Mosquitto from the bundle on each edge, `host` one that runs there already on 127.0.0.1:1883.",
        default: defaults.kubeedge.mqtt,
      }),
    ),
    protocol: Type.Optional(
      Type.Enum(['websocket', 'quic'], {
        description: 'How edges talk to CloudCore: `websocket` on TCP 10000, `quic` on UDP 10001.',
        default: defaults.kubeedge.protocol,
      }),
    ),
    anyKubernetes: Type.Optional(
      Type.Boolean({
        description:
          'Take a Kubernetes version that this KubeEdge is not listed with. KubeEdge does not support it; kedge only passes it on.',
        default: defaults.kubeedge.anyKubernetes,
      }),
    ),
  },
  { ...closed, description: 'KubeEdge: CloudCore, EdgeCore and keadm.' },
)

/** The whole file. One source for the published JSON Schema, the validator and the type `RawFile`. */
export const topologySchema = Type.Object(
  {
    version: Type.Unsafe<1>({ const: 1, description: 'Version of this file format.', examples: [1] }),
    lab: Type.String({
      description: 'Name of the lab: part of the names of its VMs and networks, and of its state folder.',
      examples: ['paper'],
    }),
    extends: Type.Optional(
      Type.Enum(['none'], { description: 'Start from an empty graph instead of the built-in wiring.' }),
    ),
    hypervisor: Type.Optional(hypervisorSchema),
    networks: Type.Optional(mapOf(networkSchema, 'LANs by name.')),
    machine: Type.Optional(
      Type.Object(machineKeys, {
        ...closed,
        ...machineSchema,
        description: 'For every VM that does not say otherwise.',
      }),
    ),
    nodes: Type.Optional(
      mapOf(nodeSchema, 'VMs and machines by name; the name is the host name and the Kubernetes node name.'),
    ),
    runtime: Type.Optional(
      Type.Object(
        { name: Type.Optional(runtimeName) },
        { ...closed, description: 'The container runtime.', examples: [{ name: 'containerd' }] },
      ),
    ),
    kubernetes: Type.Optional(kubernetesSchema),
    kubeedge: Type.Optional(kubeedgeSchema),
    bundle: Type.Optional(
      Type.String({
        title: 'path',
        description: 'The bundle for a lab without internet: a folder or one file, relative to this file.',
        pattern: pathPattern,
        examples: ['./bundle'],
      }),
    ),
    mirrors: Type.Optional(mirrorsSchema),
    tasks: Type.Optional(
      mapOf(
        taskSchema,
        'The graph: merged over the built-in wiring by name, key by key. `null` takes a task out; who needs it waits for what it needed.',
      ),
    ),
  },
  {
    ...closed,
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'kedge lab',
    description: 'A KubeEdge lab: networks, nodes, versions, and the graph of tasks that builds it.',
  },
)

/** The file as it is written, where it fits the schema. */
export type RawFile = Static<typeof topologySchema>
