import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openBundle } from '../../../lib/bundle/bundle.ts'
import { guarded, type Workload } from '../../../lib/distribution/edge-guard.ts'
import { initConfig, joinConfig } from '../../../lib/distribution/kubeadm-config.ts'
import { kubeletUnits } from '../../../lib/distribution/kubelet-units.ts'
import { podNetworkObjects } from '../../../lib/distribution/pod-network.ts'
import { quote } from '../../../lib/host/quote.ts'
import { createVault } from '../../../lib/host/secret.ts'
import { initFlags } from '../../../lib/kubeedge/cloudcore.ts'
import { edgeNetwork } from '../../../lib/kubeedge/edge-network.ts'
import { joinFlags } from '../../../lib/kubeedge/join.ts'
import { requiredPorts } from '../../../lib/kubeedge/ports.ts'
import { contextMaker } from '../../../lib/run/task-context.ts'
import { containerdConfig } from '../../../lib/runtime/containerd.ts'
import { sandboxImage } from '../../../lib/runtime/sandbox-image.ts'
import type { TaskContext } from '../../../lib/task/task.ts'
import { addressToCloud, advertiseAddresses, cloudcoreAddress } from '../../../lib/topology/addresses.ts'
import type { Node, Topology } from '../../../lib/topology/topology.ts'
import { smokePod } from '../../../lib/verify/smoke-pod.ts'
import { smokeImage } from '../../../lib/verify/smoke-test.ts'

/**
 * What the peers bring to each node, in `folder/NODE`: the pieces of the bundle that kedge would send there, as links, and the files
 * and words that kedge would write, so that all ways end in the same deployment.
 */
export function makePieces(topology: Topology, bundleFolder: string, folder: string): void {
  const bundle = openBundle(bundleFolder)
  const unused = () => {
    throw new Error('nothing is asked of a node here')
  }
  const contextOf = contextMaker({
    topology,
    connection: unused,
    bundle: () => bundle,
    secret: createVault().secret,
    stateFolder: folder,
    sleep: unused,
  })
  for (const node of topology.nodes) {
    const ctx = contextOf({ node: node.name, task: 'bench' } as never, {
      signal: new AbortController().signal,
      fields: {} as never,
      onOutput: () => {},
    })
    const own = join(folder, node.name)
    for (const [name, text] of Object.entries(filesOf(ctx))) put(join(own, name), text)
    const images = ctx.assets('image').filter(({ roles }) => roles.length === 0 || roles.includes(node.role))
    put(join(own, 'images.list'), images.map(({ name }, index) => `images/${index}.tar ${name}\n`).join(''))
    const links: Record<string, string> = Object.fromEntries(
      images.map(({ path }, index) => [`images/${index}.tar`, path]),
    )
    const sets = node.role === 'edge' ? ['containerd'] : ['containerd', 'kubernetes-node']
    for (const name of sets) links[`packages/${name}.tar`] = ctx.asset(name).path
    for (const name of programsOf(node)) links[`bin/${name}`] = ctx.asset(name).path
    for (const [name, path] of Object.entries(links)) {
      mkdirSync(dirname(join(own, name)), { recursive: true })
      symlinkSync(path, join(own, name))
    }
    put(join(own, 'steps.sh'), steps)
  }
}

const steps = await Bun.file(join(import.meta.dir, 'steps.sh')).text()
const endpoint = 'unix:///run/containerd/containerd.sock'

function programsOf({ role }: Node): readonly string[] {
  const kubernetes = ['kubeadm', 'kubelet', 'kubectl', 'crictl']
  return role === 'edge' ? ['keadm'] : role === 'worker' ? kubernetes : [...kubernetes, 'keadm']
}

function filesOf(ctx: TaskContext): Readonly<Record<string, string>> {
  const { node, topology } = ctx
  const major = Number.parseInt(ctx.asset('containerd').version, 10)
  const common = {
    'node.env': nodeWords(ctx),
    'etc/containerd.toml': containerdConfig(major, sandboxImage(ctx)),
  }
  if (node.role === 'edge')
    return {
      ...common,
      'etc/10-runtime.conf': '[Unit]\nAfter=containerd.service\nWants=containerd.service\n',
      'etc/edge-network.json': edgeNetwork('RANGE'),
    }
  const [kubelet, dropIn] = kubeletUnits({ service: 'containerd' })
  const cloud = {
    ...common,
    'etc/kubelet.service': kubelet?.content ?? '',
    'etc/10-kubeadm.conf': dropIn?.content ?? '',
    'etc/modules': 'overlay\nbr_netfilter\n',
    'etc/sysctl': `${['ipv4.ip_forward', 'bridge.bridge-nf-call-iptables', 'bridge.bridge-nf-call-ip6tables'].map((name) => `net.${name} = 1`).join('\n')}\n`,
    'etc/ufw-profile': firewallProfile(node, topology),
    'etc/kubeadm-join.json': joinConfig(topology, node, endpoint, {
      endpoint: 'ENDPOINT',
      token: 'TOKEN',
      caCertHash: 'HASH',
    }),
  }
  if (node.role === 'worker') return cloud
  const image = smokeImage({
    assets: ctx.assets,
    topology,
    node: topology.nodes.find(({ role }) => role === 'edge') ?? node,
  })
  const pod = smokePod({
    name: 'NAME',
    node: 'EDGE',
    image,
    marker: 'smoke-marker',
    hostNetwork: 'HOST_NETWORK' as never,
  })
  const workload: Workload = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'any' },
    spec: { template: { spec: {} } },
  }
  return {
    ...cloud,
    'etc/kubeadm-init.json': initConfig(topology, node, endpoint),
    'etc/pod-network.json': JSON.stringify({ apiVersion: 'v1', kind: 'List', items: podNetworkObjects(ctx) }),
    'etc/edge-guard.json': JSON.stringify({ spec: guarded(workload).spec }),
    'etc/smoke-pod.json': JSON.stringify(pod),
  }
}

/** Variables for steps.sh. */
function nodeWords(ctx: TaskContext): string {
  const { node, topology } = ctx
  const words: Record<string, string> = { role: node.role, name: node.name }
  if (node.role === 'edge') {
    words.cloudcore = cloudcoreAddress(topology, node)
    words.address = addressToCloud(topology, node) ?? ''
    words.keadm_join = quoted(
      joinFlags({
        kubeedge: topology.kubeedge,
        cloudcore: words.cloudcore,
        nodeName: node.name,
        endpoint,
        labels: node.labels,
      }),
    )
  }
  if (node.role === 'control-plane') {
    words.advertised = advertiseAddresses(topology).join(' ')
    const hasNft = ctx.assets('image').some(({ name }) => name.includes('/iptables-manager-nft:'))
    words.keadm_init = quoted(
      initFlags({
        addresses: advertiseAddresses(topology),
        version: topology.kubeedge.version,
        kubeconfig: '/etc/kubernetes/admin.conf',
        nodeName: node.name,
        protocol: topology.kubeedge.protocol,
        iptables: hasNft ? 'nft' : 'legacy',
      }),
    )
  }
  return Object.entries(words)
    .map(([name, value]) => `${name}=${quote(value)}\n`)
    .join('')
}

const quoted = (words: readonly string[]) => words.map(quote).join(' ')

function firewallProfile(node: Node, topology: Topology): string {
  const ports = requiredPorts(node, topology.kubeedge.protocol)
  const of = (wanted: string) => ports.flatMap(({ port, protocol }) => (protocol === wanted ? [port] : [])).join(',')
  return `[kedge]\ntitle=kedge\ndescription=what the cluster needs\nports=${of('tcp')}/tcp|${of('udp')}/udp\n`
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
