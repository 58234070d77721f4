import type { Architecture, Node, Role, Topology } from '../topology/topology.ts'
import type { Piece } from './manifest.ts'
import { flannelVersion, isOfKubeEdge, type NeededImage, neededImages } from './needed-images.ts'

/** A piece that the tasks of a lab will ask the bundle for. */
export type Wanted = {
  readonly name: string
  readonly kind: Piece['kind']
  /** For os-packages and the VM image that of the distribution. */
  readonly version: string
  readonly architecture: Architecture | 'all'
  /** For an image: whose nodes import it; empty means every node. */
  readonly roles: readonly Role[]
  /** The nodes that it is for, in the order of the file. */
  readonly nodes: readonly string[]
  /** The first task that asks for it. */
  readonly task: string
  /** The tag may be another one: only a program of the bundle, or the pod network's manifest, says which it has to be. */
  readonly anyTag?: true
  /** Names of pieces that will do as well. */
  readonly instead?: readonly string[]
  /** A piece of any kind will do: own tasks name theirs without it. */
  readonly anyKind?: true
  /** A guess: the bundle's piece of that name says which images it runs. */
  readonly namedIn?: 'pod-network'
}

/** What a rule says of one node; several nodes of one architecture become one Wanted. */
type Need = Omit<Wanted, 'nodes' | 'architecture' | 'roles'> & {
  readonly roles?: readonly Role[]
  readonly architecture?: 'all'
}

/** The Debian release that bundles are made for where nothing else is said. */
export const distributionVersion = '12'

/**
 * Every piece that the built-in tasks of this lab ask for, in the order of the story, each once for each architecture. A task
 * that the file takes out, or replaces, asks for nothing here; what own tasks name in `assets` comes besides.
 */
export function wantedPieces(topology: Topology): readonly Wanted[] {
  const wanted = new Map<string, Wanted>()
  const builtIn = new Set(
    topology.tasks.filter(({ removed, sh, script }) => !removed && !sh && !script).map(({ name }) => name),
  )
  const images = neededImages(topology)
  for (const node of topology.nodes) {
    for (const { roles = [], ...need } of needsOf(node, topology, images)) {
      if (!builtIn.has(need.task)) continue
      const architecture = need.architecture ?? node.architecture
      const key = [need.kind, need.name, architecture].join(' ')
      const before = wanted.get(key)
      const nodes = [...(before?.nodes ?? []), node.name]
      wanted.set(key, { ...need, task: before?.task ?? need.task, architecture, roles, nodes })
    }
  }
  const place = ({ kind }: Wanted) => order.indexOf(kind)
  return [...wanted.values()].sort((a, b) => place(a) - place(b))
}

const order: readonly Piece['kind'][] = ['vm-image', 'os-packages', 'file', 'manifest', 'image']

function needsOf(node: Node, topology: Topology, images: readonly NeededImage[]): readonly Need[] {
  const { kubernetes, kubeedge } = topology
  const isCloud = node.role !== 'edge'
  const isKubeadm = kubernetes.distribution === 'kubeadm'
  const packages = (task: string, name: string): Need => ({
    name,
    kind: 'os-packages',
    version: distributionVersion,
    task,
  })
  const program = (task: string, name: string, version: string): Need => ({ name, kind: 'file', version, task })
  const criTools = `${/^\d+\.\d+/.exec(kubernetes.version)?.[0]}.0`
  return [
    ...(node.machine.kind === 'vm'
      ? [{ name: node.machine.image, kind: 'vm-image', version: distributionVersion, task: 'create-vms' } as const]
      : []),
    packages('install-runtime', node.runtime),
    ...(node.runtime === 'cri-o' ? [program('install-runtime', 'crictl', criTools)] : []),
    ...(isCloud ? [packages('install-kubernetes', 'kubernetes-node')] : []),
    ...(isCloud && isKubeadm
      ? [
          ...['kubeadm', 'kubelet', 'kubectl'].map((name) => program('install-kubernetes', name, kubernetes.version)),
          program('install-kubernetes', 'crictl', criTools),
        ]
      : []),
    ...(isCloud && !isKubeadm ? [program('install-kubernetes', 'k3s', kubernetes.version)] : []),
    ...(node.role === 'control-plane'
      ? [
          program('install-cloudcore', 'keadm', kubeedge.version),
          {
            name: 'pod-network',
            kind: 'manifest',
            version: flannelVersion,
            architecture: 'all',
            task: 'install-network',
          } as const,
        ]
      : []),
    ...(node.role === 'edge' ? [program('install-edgecore', 'keadm', kubeedge.version)] : []),
    ...images
      .filter(({ roles }) => roles.length === 0 || roles.includes(node.role))
      .map(
        (image) =>
          ({
            ...image,
            kind: 'image',
            task: isOfKubeEdge(image.name) ? 'load-kubeedge-images' : 'load-images',
          }) as const,
      ),
  ]
}
