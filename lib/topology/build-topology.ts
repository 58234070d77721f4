import { dirname, isAbsolute, resolve } from 'node:path'
import { defaults } from './defaults.ts'
import type { Draft, NodeDraft } from './draft.ts'
import { listOf, type TaskDraft } from './merge-tasks.ts'
import { parseDurationSeconds, parseSizeMiB } from './quantity.ts'
import type { Raw, RawNode } from './raw.ts'
import type { Versions } from './rules/check-cluster.ts'
import type { Machine, Node, RuntimeName, SshTarget, Topology, Wiring } from './topology.ts'
import type { YamlFile } from './yaml-file.ts'
import type { Path } from './yaml-values.ts'

/** The topology of a file that no rule complains of, with defaults in the place of what it leaves out. */
export function buildTopology(draft: Draft, tasks: readonly TaskDraft[], versions: Versions): Topology {
  const { file, raw } = draft
  const name = file.source.file
  const folder = dirname(resolve(name))
  return {
    lab: raw.lab ?? '',
    file: name,
    folder,
    hypervisor: {
      uri: raw.hypervisor?.uri ?? defaults.hypervisor.uri,
      accelerator: raw.hypervisor?.accelerator ?? defaults.hypervisor.accelerator,
      storage: raw.hypervisor?.storage ?? defaults.hypervisor.storage,
    },
    networks: [...draft.networks.values()].map(({ name, management }) => ({
      name,
      cidr: raw.networks?.[name]?.cidr ?? '',
      management,
    })),
    nodes: draft.nodes.map((node) => buildNode(node, draft, folder)),
    kubernetes: {
      distribution: raw.kubernetes?.distribution ?? defaults.kubernetes.distribution,
      version: raw.kubernetes?.version ?? versions.kubernetes,
      podCidr: raw.kubernetes?.podCidr ?? defaults.kubernetes.podCidr,
      serviceCidr: raw.kubernetes?.serviceCidr ?? defaults.kubernetes.serviceCidr,
    },
    kubeedge: {
      version: raw.kubeedge?.version ?? versions.kubeedge,
      mqtt: raw.kubeedge?.mqtt ?? defaults.kubeedge.mqtt,
      protocol: raw.kubeedge?.protocol ?? defaults.kubeedge.protocol,
      anyKubernetes: raw.kubeedge?.anyKubernetes ?? defaults.kubeedge.anyKubernetes,
    },
    ...(raw.bundle === undefined ? {} : { bundle: inFolder(folder, raw.bundle) }),
    ...(raw.mirrors === undefined ? {} : { mirrors: buildMirrors(raw.mirrors, folder) }),
    tasks: tasks.map((task) => buildWiring(task, folder)),
  }
}

function buildMirrors(
  { sources, registries, proxy, ca }: NonNullable<Raw['mirrors']>,
  folder: string,
): NonNullable<Topology['mirrors']> {
  return {
    sources: textsIn(sources),
    registries: textsIn(registries),
    ...(proxy === undefined ? {} : { proxy }),
    ...(ca === undefined ? {} : { ca: inFolder(folder, ca) }),
  }
}

const textsIn = (values: Readonly<Record<string, string | undefined>> = {}): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])))

/** `~/…` is left for the machine that it is used on. */
const inFolder = (folder: string, path: string): string =>
  isAbsolute(path) || path === '~' || path.startsWith('~/') ? path : resolve(folder, path)

function buildNode({ name, raw, role, addresses }: NodeDraft, draft: Draft, folder: string): Node {
  const runtime: RuntimeName = raw.runtime ?? draft.raw.runtime?.name ?? defaults.runtime
  return {
    name,
    role: role ?? 'edge',
    machine: buildMachine(raw, draft, folder),
    networks: [...addresses.keys()].map((network) => ({
      network,
      address: raw.networks?.[network] ?? '',
      prefixLength: draft.networks.get(network)?.range?.prefixLength ?? 32,
    })),
    labels: textsOf(raw.labels, draft.file, ['nodes', name, 'labels']),
    architecture: raw.architecture ?? defaults.architecture,
    runtime,
    ...(raw.cloudcore === undefined ? {} : { cloudcore: raw.cloudcore }),
  }
}

function buildMachine(raw: RawNode, draft: Draft, folder: string): Machine {
  if (raw.ssh) return { kind: 'existing', ssh: buildTarget(raw.ssh, folder) }
  const machine = { ...defaults.machine, ...draft.raw.machine, ...raw }
  return {
    kind: 'vm',
    image: machine.image ?? defaults.machine.image,
    cpus: machine.cpus ?? defaults.machine.cpus,
    memoryMiB: parseSizeMiB(machine.memory ?? defaults.machine.memory),
    diskGiB: parseSizeMiB(machine.disk ?? defaults.machine.disk) / 1024,
  }
}

type RawTarget = {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly user?: string | undefined
  readonly key?: string | undefined
  readonly jump?: RawTarget | undefined
}

function buildTarget({ host = '', port, user, key, jump }: RawTarget, folder: string): SshTarget {
  return {
    host,
    port: port ?? defaults.ssh.port,
    user: user ?? defaults.ssh.user,
    ...(key === undefined ? {} : { key: inFolder(folder, key) }),
    ...(jump ? { jump: buildTarget(jump, folder) } : {}),
  }
}

/** Each value as it is written, whatever YAML takes it for: `1.10` and not 1.1. */
function textsOf(values: object | undefined, file: YamlFile, path: Path): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(values ?? {}).map((key) => [key, file.textOf([...path, key]) ?? '']))
}

function buildWiring({ name, removed, entry, needs, file, fileOf }: TaskDraft, folder: string): Wiring {
  const path = ['tasks', name]
  const text = (key: 'sh' | 'check'): Partial<Record<typeof key, string>> => {
    const written = fileOf(key).textOf([...path, key])
    return written === undefined ? {} : { [key]: written }
  }
  return {
    name,
    on: listOf(entry.on) ?? [],
    needs: needs.map((need) => ({
      task: need.task,
      ...(need.on ? { on: need.on } : {}),
      ...(need.waiting ? { waiting: need.waiting } : {}),
      place: need.file.placeOf(need.path),
    })),
    phase: entry.phase ?? defaults.task.phase,
    timeoutSeconds: parseDurationSeconds(entry.timeout ?? defaults.task.timeout),
    retries: entry.retries ?? defaults.task.retries,
    env: textsOf(entry.env, fileOf('env'), [...path, 'env']),
    ...text('sh'),
    ...text('check'),
    ...(entry.inputs === undefined && entry.outputs === undefined
      ? {}
      : { files: { inputs: listOf(entry.inputs) ?? [], outputs: listOf(entry.outputs) ?? [] } }),
    ...(entry.script === undefined ? {} : { script: inFolder(folder, entry.script) }),
    removed,
    place: file.placeOf(path),
  }
}
