import { compatibilities, fits, laterForCrio, minorOf, whatFits } from '../compatibility.ts'
import { type Draft, has, type NodeDraft } from '../draft.ts'
import { parseAddress } from '../ipv4.ts'
import { quoted } from '../wording.ts'
import type { Complaint } from '../yaml-file.ts'

export type Versions = { readonly kubernetes: string; readonly kubeedge: string }

/** What makes the nodes one KubeEdge system: one control plane, a way to it for everybody, versions that go together. */
export function* checkCluster(draft: Draft, defaultVersions: Versions): Iterable<Complaint> {
  if (!draft.isCluster) return
  const masters = draft.nodes.filter(({ role }) => role === 'control-plane')
  const [master, ...others] = masters
  for (const other of others) {
    yield {
      path: ['nodes', other.name, 'role'],
      message: `a second control plane; ${quoted(master?.name)} is one already`,
      hint: 'kedge builds labs with one; make this one a `worker`',
    }
  }
  if (!master) yield* complainOfNoMaster(draft)
  else if (others.length === 0) yield* checkPaths(master, draft)
  yield* checkVersions(draft, defaultVersions)
  yield* checkCrio(draft, defaultVersions)
}

function* complainOfNoMaster(draft: Draft): Iterable<Complaint> {
  const hint = 'one node needs `role: control-plane`'
  if (!has(draft.raw, 'nodes')) yield { path: ['nodes'], message: '`nodes` is missing', hint }
  else if (draft.raw.nodes && draft.nodes.every(({ role }) => role !== undefined)) {
    yield { path: ['nodes'], mark: 'key', message: 'no node is the control plane', hint }
  }
}

function* checkPaths(master: NodeDraft, draft: Draft): Iterable<Complaint> {
  const masterLans = new Set(master.lans)
  const workers = draft.nodes.filter(({ role, hasSoundNetworks }) => role === 'worker' && hasSoundNetworks)
  if (!master.hasSoundNetworks) return
  if (master.isVm && master.lans.length === 0) {
    yield {
      path: ['nodes', master.name, 'networks'],
      mark: 'key',
      message: `the control plane ${quoted(master.name)} is on no LAN but the management network`,
      hint: 'put it on a network with each of the others',
    }
    return
  }
  for (const edge of draft.nodes) {
    if (edge.role !== 'edge' || !edge.hasSoundNetworks || has(edge.raw, 'cloudcore')) continue
    if (edge.lans.some((lan) => masterLans.has(lan))) continue
    yield {
      path: ['nodes', edge.name, 'networks'],
      mark: 'key',
      message: `the edge ${quoted(edge.name)} has no path to the control plane ${quoted(master.name)}: they share no LAN`,
      hint: edge.isVm
        ? 'put both on one network; the management network does not count'
        : 'put both on one network, or give this node `cloudcore: <address>`',
    }
  }

  // Kubernetes' own traffic needs one LAN that all cloud nodes are on; each worker narrows the choice.
  let shared = new Set(masterLans)
  for (const worker of workers) {
    const common = new Set(worker.lans.filter((lan) => shared.has(lan)))
    if (common.size > 0) shared = common
    else if (!isAddressedBySsh(worker) || !isAddressedBySsh(master)) {
      const isAlone = !worker.lans.some((lan) => masterLans.has(lan))
      yield {
        path: ['nodes', worker.name, 'networks'],
        mark: 'key',
        message: isAlone
          ? `the worker ${quoted(worker.name)} has no path to the control plane ${quoted(master.name)}: they share no LAN`
          : `the worker ${quoted(worker.name)} is not on the LAN that the other cloud nodes share`,
        hint: isAlone
          ? 'put both on one network; the management network does not count'
          : `put it on ${[...shared].map(quoted).join(' or ')}`,
      }
    }
  }
  yield* checkSshAddresses([master, ...workers])
}

/** An existing machine on no network of the file is known in the cluster by the address that SSH uses. */
const isAddressedBySsh = ({ isVm, lans }: NodeDraft): boolean => !isVm && lans.length === 0

function* checkSshAddresses(cloud: readonly NodeDraft[]): Iterable<Complaint> {
  for (const node of cloud) {
    const host = node.raw.ssh?.host
    if (isAddressedBySsh(node) && host !== undefined && parseAddress(host) === undefined) {
      yield {
        path: ['nodes', node.name, 'ssh', 'host'],
        message: `${quoted(host)} is a name, but Kubernetes must be told the IPv4 address of ${quoted(node.name)}`,
        hint: 'write the address here, or give the node `networks`',
      }
    }
  }
}

function* checkVersions({ raw }: Draft, defaultVersions: Versions): Iterable<Complaint> {
  const kubernetesPath = ['kubernetes', 'version']
  const kubeedgePath = ['kubeedge', 'version']
  const kubernetes = has(raw.kubernetes, 'version') ? raw.kubernetes?.version : defaultVersions.kubernetes
  const kubeedge = has(raw.kubeedge, 'version') ? raw.kubeedge?.version : defaultVersions.kubeedge
  if (kubernetes?.includes('+') && (raw.kubernetes?.distribution ?? 'kubeadm') === 'kubeadm') {
    yield {
      path: kubernetesPath,
      message: `${quoted(kubernetes)} is a version of K3s`,
      hint: 'set `distribution: k3s`, or leave the suffix out',
    }
  }
  if (kubernetes && !kubernetes.includes('+') && raw.kubernetes?.distribution === 'k3s') {
    yield {
      path: has(raw.kubernetes, 'version') ? kubernetesPath : ['kubernetes', 'distribution'],
      message: `${quoted(kubernetes)} is not a version of K3s`,
      hint: `K3s has a number of its own behind that of Kubernetes, for example ${quoted(`${kubernetes}+k3s1`)}`,
    }
  }
  if (kubeedge === undefined) return
  if (!compatibilities.some((row) => row.kubeedge === minorOf(kubeedge))) {
    const [first, last] = [compatibilities[0], compatibilities.at(-1)]
    yield {
      path: kubeedgePath,
      message: `KubeEdge ${kubeedge} is not supported`,
      hint: `kedge knows KubeEdge ${first?.kubeedge} to ${last?.kubeedge}`,
    }
  } else if (kubernetes !== undefined && !fits(kubeedge, kubernetes) && !letsThrough(raw.kubeedge)) {
    yield {
      path: has(raw.kubernetes, 'version') ? kubernetesPath : kubeedgePath,
      message: `KubeEdge ${kubeedge} does not go with Kubernetes ${kubernetes}`,
      hint: `${whatFits(kubeedge, kubernetes)}; \`anyKubernetes: true\` under \`kubeedge\` takes it all the same, unsupported`,
    }
  }
}

/** A value that is no boolean has its own complaint, and what was meant by it is not guessed. */
const letsThrough = (kubeedge: Draft['raw']['kubeedge']): boolean =>
  has(kubeedge, 'anyKubernetes') && kubeedge?.anyKubernetes !== false

/** One complaint, at the first place that gives an edge CRI-O: it is the version that is to change, or that. */
function* checkCrio({ raw, nodes }: Draft, defaultVersions: Versions): Iterable<Complaint> {
  const version = has(raw.kubeedge, 'version') ? raw.kubeedge?.version : defaultVersions.kubeedge
  const later = version && laterForCrio(version)
  if (!later) return
  const edges = nodes.filter(({ role }) => role === 'edge')
  const edge = edges.find((node) => (has(node.raw, 'runtime') ? node.raw.runtime : raw.runtime?.name) === 'cri-o')
  if (!edge) return
  yield {
    path: has(edge.raw, 'runtime') ? ['nodes', edge.name, 'runtime'] : ['runtime', 'name'],
    message: `KubeEdge ${version} cannot join the edge ${quoted(edge.name)} through CRI-O`,
    hint: `use KubeEdge ${later} or later, or \`runtime: containerd\` for edges`,
  }
}
