import { minorOf } from '../topology/compatibility.ts'
import type { Role, Topology } from '../topology/topology.ts'

/** A container image that nodes of these roles run; empty means every node. */
export type NeededImage = {
  /** In full, as the runtime lists it. */
  readonly name: string
  readonly version: string
  readonly roles: readonly Role[]
  readonly anyTag?: true
  readonly instead?: readonly string[]
  /** A guess: the bundle's piece of that name says which images it runs. */
  readonly namedIn?: 'pod-network'
}

const everywhere: readonly Role[] = []
const controlPlane: readonly Role[] = ['control-plane']
const cloud: readonly Role[] = ['control-plane', 'worker']
const edge: readonly Role[] = ['edge']

/**
 * What kubeadm of a minor release takes besides its own images. Patch releases move etcd above all, so `kubeadm config images
 * list` of the very version has the last word.
 */
const besides: Readonly<Record<string, { readonly etcd: string; readonly coredns: string; readonly pause: string }>> = {
  '1.26': { etcd: '3.5.6-0', coredns: 'v1.9.3', pause: '3.9' },
  '1.27': { etcd: '3.5.7-0', coredns: 'v1.10.1', pause: '3.9' },
  '1.28': { etcd: '3.5.9-0', coredns: 'v1.10.1', pause: '3.9' },
  '1.29': { etcd: '3.5.10-0', coredns: 'v1.11.1', pause: '3.9' },
  '1.30': { etcd: '3.5.12-0', coredns: 'v1.11.1', pause: '3.9' },
  '1.31': { etcd: '3.5.15-0', coredns: 'v1.11.1', pause: '3.10' },
  '1.32': { etcd: '3.5.16-0', coredns: 'v1.11.3', pause: '3.10' },
}
const newest = { etcd: '3.5.16-0', coredns: 'v1.11.3', pause: '3.10' }

/** The pod network that bundles are made with: flannel. */
export const flannelVersion = '0.27.4'
/** CNI plug-ins of the flannel release that bundles are made with. */
const flannelPlugin = 'v1.8.0-flannel1'
const inPodNetwork = { anyTag: true, namedIn: 'pod-network' } as const

/** Every image that the lab's nodes run. */
export function neededImages(topology: Topology): readonly NeededImage[] {
  const { kubernetes, kubeedge } = topology
  const known = besides[minorOf(kubernetes.version)] ?? newest
  return [
    image('registry.k8s.io/pause', known.pause, everywhere, { anyTag: true }),
    ...(kubernetes.distribution === 'kubeadm' ? kubeadmImages(kubernetes.version, known) : k3sImages()),
    image('ghcr.io/flannel-io/flannel', `v${flannelVersion}`, cloud, inPodNetwork),
    image('ghcr.io/flannel-io/flannel-cni-plugin', flannelPlugin, cloud, inPodNetwork),
    ...kubeedgeImages(kubeedge.version),
    ...(kubeedge.mqtt === 'bundle'
      ? [image('docker.io/library/eclipse-mosquitto', '1.6.15', edge, { anyTag: true })]
      : []),
  ]
}

/** KubeEdge's own, the broker that its chart runs on edges, and the small one of the smoke pods: what no cluster waits for. */
export const isOfKubeEdge = (name: string): boolean =>
  /(?:^|\/)(?:kubeedge\/[^/:@]+|eclipse-mosquitto|busybox)[:@][^/]+$/.test(name)

function kubeadmImages(version: string, { etcd, coredns }: typeof newest): readonly NeededImage[] {
  const own = (name: string, roles: readonly Role[]) => image(`registry.k8s.io/${name}`, `v${version}`, roles)
  return [
    own('kube-apiserver', controlPlane),
    own('kube-controller-manager', controlPlane),
    own('kube-scheduler', controlPlane),
    own('kube-proxy', cloud),
    image('registry.k8s.io/coredns/coredns', coredns, cloud, { anyTag: true }),
    image('registry.k8s.io/etcd', etcd, controlPlane, { anyTag: true }),
  ]
}

/** K3s carries all else in its program. Which CoreDNS it wants stands in its release's k3s-images.txt. */
const k3sImages = (): readonly NeededImage[] => [
  image('docker.io/rancher/mirrored-coredns-coredns', '1.12.0', cloud, {
    anyTag: true,
    instead: ['docker.io/rancher/coredns-coredns'],
  }),
]

/** What keadm's chart renders, and what `keadm join` takes edgecore out of. */
function kubeedgeImages(version: string): readonly NeededImage[] {
  const own = (name: string) => `docker.io/kubeedge/${name}`
  const hasNft = Number(minorOf(version).split('.')[1]) >= 21
  const manager = hasNft
    ? image(own('iptables-manager-nft'), `v${version}`, cloud, { instead: [`${own('iptables-manager')}:v${version}`] })
    : image(own('iptables-manager'), `v${version}`, cloud)
  return [
    image(own('cloudcore'), `v${version}`, controlPlane),
    manager,
    image(own('installation-package'), `v${version}`, edge),
  ]
}

const image = (
  repository: string,
  version: string,
  roles: readonly Role[],
  more: Pick<NeededImage, 'anyTag' | 'instead' | 'namedIn'> = {},
): NeededImage => ({ name: `${repository}:${version}`, version: version.replace(/^v/, ''), roles, ...more })
