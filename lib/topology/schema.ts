import { type Static, Type } from 'typebox'
import { defaults } from './defaults.ts'
import { mirrorsSchema } from './schema-mirrors.ts'
import { machineSchema, mapOf, nodeSchema, pathPattern, runtimeName } from './schema-node.ts'
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
        examples: ['kvm'],
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
  {
    ...closed,
    description: 'The machine that the VMs run on. Without it this one, with what its keys are by default.',
    examples: [{ uri: 'qemu+ssh://root@192.168.1.5/system', accelerator: 'kvm' }],
  },
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
    cidr: cidr('The range, with host bits zero. Required.', '192.168.23.0/24'),
    management: Type.Optional(
      Type.Boolean({
        description:
          'The one network on which kedge reaches the VMs: the hypervisor has the first address of its range, and nothing is forwarded.',
        default: false,
        examples: [true],
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
        examples: ['k3s'],
      }),
    ),
    version: Type.Optional(
      Type.String({
        title: 'version',
        description:
          'Full version; it must fit that of KubeEdge. Without it that of the reference lab; K3s needs its own, as in 1.32.10+k3s1.',
        pattern: '^[0-9]+\\.[0-9]+\\.[0-9]+(\\+k3s[0-9]+)?$',
        examples: ['1.32.10', '1.32.10+k3s1'],
      }),
    ),
    podCidr: Type.Optional(cidr('Addresses for pods.', '10.244.0.0/16', { default: defaults.kubernetes.podCidr })),
    serviceCidr: Type.Optional(
      cidr('Addresses for Services.', '10.96.0.0/12', { default: defaults.kubernetes.serviceCidr }),
    ),
  },
  {
    ...closed,
    description: 'Kubernetes on the cloud side. Without it, what its keys are by default.',
    examples: [{ distribution: 'k3s', version: '1.32.10+k3s1' }],
  },
)

const kubeedgeSchema = Type.Object(
  {
    version: Type.Optional(
      Type.String({
        title: 'version',
        description: 'Full version, the same for cloud and edge. Without it that of the reference lab.',
        pattern: '^[0-9]+\\.[0-9]+\\.[0-9]+$',
        examples: ['1.23.1'],
      }),
    ),
    mqtt: Type.Optional(
      Type.Enum(['bundle', 'host', 'none'], {
        description:
          "The MQTT broker at the edge: `none` is edgecore's internal one, `bundle` Mosquitto from the bundle on each edge, `host` one that runs there already on 127.0.0.1:1883.",
        default: defaults.kubeedge.mqtt,
        examples: ['bundle'],
      }),
    ),
    protocol: Type.Optional(
      Type.Enum(['websocket', 'quic'], {
        description: 'How edges talk to CloudCore: `websocket` on TCP 10000, `quic` on UDP 10001.',
        default: defaults.kubeedge.protocol,
        examples: ['quic'],
      }),
    ),
    anyKubernetes: Type.Optional(
      Type.Boolean({
        description:
          'Take a Kubernetes version that this KubeEdge is not listed with. KubeEdge does not support it; kedge only passes it on.',
        default: defaults.kubeedge.anyKubernetes,
        examples: [true],
      }),
    ),
  },
  {
    ...closed,
    description: 'KubeEdge: CloudCore, EdgeCore and keadm. Without it, what its keys are by default.',
    examples: [{ version: '1.23.1', mqtt: 'bundle' }],
  },
)

/** The whole file. One source for the published JSON Schema, the validator and the type `RawFile`. */
export const topologySchema = Type.Object(
  {
    version: Type.Unsafe<1>({ const: 1, description: 'Version of this file format. Required: 1.', examples: [1] }),
    lab: Type.String({
      description: 'Name of the lab: part of the names of its VMs and networks, and of its state folder. Required.',
      examples: ['paper'],
    }),
    extends: Type.Optional(
      Type.Enum(['none'], {
        description:
          '`none` starts from an empty graph, for a plain task runner. Without it `tasks` is merged over the built-in wiring.',
        examples: ['none'],
      }),
    ),
    hypervisor: Type.Optional(hypervisorSchema),
    networks: Type.Optional(
      mapOf(
        networkSchema,
        'LANs by name. Without it there are none, and every node is a machine that exists already.',
        {
          examples: [{ management: { cidr: '192.168.22.0/24', management: true }, cloud: { cidr: '192.168.23.0/24' } }],
        },
      ),
    ),
    machine: Type.Optional(machineSchema),
    nodes: Type.Optional(
      mapOf(
        nodeSchema,
        'VMs and machines by name; the name is the host name and the Kubernetes node name. Without it there are none, for a plain task runner.',
        {
          examples: [{ 'edge-1': { role: 'edge' } }],
        },
      ),
    ),
    runtime: Type.Optional(
      Type.Object(
        { name: Type.Optional(runtimeName) },
        {
          ...closed,
          description: 'The container runtime. Without it containerd.',
          examples: [{ name: 'containerd' }],
        },
      ),
    ),
    kubernetes: Type.Optional(kubernetesSchema),
    kubeedge: Type.Optional(kubeedgeSchema),
    bundle: Type.Optional(
      Type.String({
        title: 'path',
        description:
          'The bundle with all that the lab installs: a folder or one file, relative to this file. Without it what kedge itself carries, where it is a pack; else tasks that install something fail.',
        pattern: pathPattern,
        examples: ['./bundle'],
      }),
    ),
    mirrors: Type.Optional(mirrorsSchema),
    tasks: Type.Optional(
      mapOf(
        taskSchema,
        'The graph: merged over the built-in wiring by name, key by key. `null` takes a task out; who needs it waits for what it needed. Without it the built-in wiring as it is.',
        {
          examples: [{ 'join-edge': { timeout: '20m' } }],
        },
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
