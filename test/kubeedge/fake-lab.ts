import type { Rule } from '../../lib/host/scripted.ts'
import { containerdConfig } from '../../lib/runtime/containerd.ts'
import {
  asksForNodes,
  edgeLabels,
  listJson,
  type NodeAnswer,
  nodeJson,
  nodeLines,
} from '../distribution/kubectl-answers.ts'
import { containerdTells } from '../runtime/containerd-tells.ts'
import { sumsOf } from '../task/sums-of.ts'
import { pauseImage } from '../tasks/lab-bundle.ts'

export const edgeVersion = 'v1.32.10-kubeedge-v1.23.1'
const edge = (name: string, address: string, labels = {}): NodeAnswer => ({
  name,
  version: edgeVersion,
  labels: { ...edgeLabels, ...labels },
  address,
})

/** The tests' lab as a cluster that is whole sees it. */
export const nodes: Readonly<Record<string, NodeAnswer>> = {
  master: { name: 'master', labels: { 'node-role.kubernetes.io/control-plane': '' }, address: '192.168.23.10' },
  worker: { name: 'worker', address: '192.168.23.11' },
  'edge-1': edge('edge-1', '192.168.24.2', { device: 'camera', site: 'lab-7' }),
  'edge-2': edge('edge-2', '192.168.24.10'),
  pi: edge('pi', '10.0.0.7'),
}

export const daemonSet = (name: string, pod: object = {}, annotations: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name, namespace: 'kube-system', annotations },
  spec: { template: { spec: pod } },
})
export const onlyWhere = (operator: 'Exists' | 'DoesNotExist') => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'node-role.kubernetes.io/edge', operator }] }],
      },
    },
  },
})
export const podOf = (owner: string, nodeName: string, kind = 'DaemonSet') => ({
  kind: 'Pod',
  metadata: { name: `${owner}-x`, namespace: 'kube-system', ownerReferences: [{ kind, name: owner }] },
  spec: { nodeName },
})

const coreDns = (state: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'coredns', namespace: 'kube-system' },
  spec: {},
  ...state,
})

export type ClusterState = {
  readonly change?: Readonly<Record<string, Partial<NodeAnswer>>>
  readonly gone?: string
  /** Of the Deployment; null where there is none. */
  readonly dns?: object | null
  readonly sets?: readonly object[]
  readonly pods?: readonly object[]
}

/** What kubectl on the control plane answers. */
export function clusterRules(state: ClusterState = {}): readonly Rule[] {
  const { change = {}, gone, dns = { spec: { replicas: 2 }, status: { availableReplicas: 2 } } } = state
  const { sets = [daemonSet('kube-proxy', onlyWhere('DoesNotExist'))], pods = [] } = state
  const list = Object.values(nodes)
    .filter(({ name }) => name !== gone)
    .map((node) => ({ ...node, ...change[node.name] }))
  return [
    [asksForNodes, nodeLines(...list.map(nodeJson))],
    [/ get daemonsets,deployments /, listJson([...sets, ...(dns ? [coreDns(dns)] : [])])],
    [/ get pods --all-namespaces /, listJson(pods)],
  ]
}

const runtimeFile: Readonly<Record<string, string>> = { '/etc/containerd/config.toml': containerdConfig(1, pauseImage) }

/** A machine that is as kedge makes it. */
export const machineRules: readonly Rule[] = [
  ['swapon --noheadings --show=NAME', ''],
  containerdTells(),
  ['containerd --version', 'containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1\n'],
  sumsOf((path) => runtimeFile[path]),
]
export const cloudFiles = { ...runtimeFile, '/var/lib/kubelet/config.yaml': 'kind: X\ncgroupDriver: systemd\n' }
export const edgeFiles = runtimeFile

/** An edge that sees CloudCore on its LAN. */
export const edgeRules: readonly Rule[] = [
  ...machineRules,
  [/edgecore.yaml$/, '      cgroupDriver: systemd\n'],
  [/openssl s_client/, 'Verification: OK\n'],
  [/^for target in 192\.168\.24\.1\/10004; do/, ''],
]
