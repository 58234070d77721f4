import { describe, expect, test } from 'bun:test'
import { answersTo } from '../../lib/verify/finding.ts'
import { clusterQuestions } from '../../lib/verify/verify-cluster.ts'
import { type ClusterState, clusterRules, daemonSet, edgeVersion, onlyWhere, podOf } from '../kubeedge/fake-lab.ts'
import { loadLab, sceneOn } from '../tasks/context.ts'

async function findings(state: ClusterState = {}, about?: readonly string[], topology = loadLab()) {
  const { ctx, steps } = sceneOn('master', { topology, rules: { master: clusterRules(state) } })
  const nodes = topology.nodes.filter(({ name }) => about?.includes(name) ?? true)
  const found = await answersTo(clusterQuestions(ctx, nodes))
  const lines = found.map(({ node, claim, holds, figure }) => `${holds ? 'ok' : 'FAIL'} ${node} ${claim}: ${figure}`)
  return { lines, failed: lines.filter((line) => line.startsWith('FAIL')), steps }
}

test('a whole lab: each claim is a line with its figure, and each list is asked for once', async () => {
  const { lines, steps } = await findings()
  expect(lines).toEqual([
    'ok master is Ready: 192.168.23.10',
    'ok master has version v1.32.10: v1.32.10',
    'ok master has the role control-plane: control-plane',
    'ok master CoreDNS runs: 2 of 2 available',
    'ok master every DaemonSet of the cloud keeps off edges: 1 do',
    'ok worker is Ready: 192.168.23.11',
    'ok worker has version v1.32.10: v1.32.10',
    'ok worker has the role worker: no role label',
    'ok edge-1 is Ready: 192.168.24.2',
    `ok edge-1 has version …-kubeedge-v1.23.1: ${edgeVersion}`,
    'ok edge-1 has the role edge: edge, agent',
    'ok edge-1 has its labels: device=camera, site=lab-7',
    'ok edge-1 no DaemonSet pod of the cloud is here: none',
    'ok edge-2 is Ready: 192.168.24.10',
    `ok edge-2 has version …-kubeedge-v1.23.1: ${edgeVersion}`,
    'ok edge-2 has the role edge: edge, agent',
    'ok edge-2 no DaemonSet pod of the cloud is here: none',
    'ok pi is Ready: 10.0.0.7',
    `ok pi has version …-kubeedge-v1.23.1: ${edgeVersion}`,
    'ok pi has the role edge: edge, agent',
    'ok pi no DaemonSet pod of the cloud is here: none',
  ])
  expect(steps).toHaveLength(3)
})

test('K3s’ versions carry its own release', async () => {
  const k3s = loadLab((text) =>
    text
      .replace('distribution: kubeadm, version: 1.32.10', 'distribution: k3s, version: 1.32.10+k3s1')
      .replaceAll('runtime: cri-o, ', ''),
  )
  const { ctx } = sceneOn('master', { topology: k3s })
  const claims = clusterQuestions(ctx, k3s.nodes).map(({ claim }) => claim)
  expect(claims).toContain('has version v1.32.10+k3s1')
})

const dnsPod = (status: object, nodeName?: string) => ({
  kind: 'Pod',
  metadata: { name: 'coredns-1', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } },
  spec: { nodeName },
  status,
})
const noDns = { spec: { replicas: 2 }, status: {} }

describe('fails, and is named:', () => {
  test.each<[string, ClusterState, string]>([
    [
      'an edge that is cut off',
      { change: { 'edge-2': { ready: 'Unknown', message: 'Kubelet stopped posting node status.' } } },
      'edge-2 is Ready: node edge-2 is not Ready: Kubelet stopped posting node status.',
    ],
    [
      'a worker of another patch release',
      { change: { worker: { version: 'v1.32.1' } } },
      'worker has version v1.32.10: v1.32.1',
    ],
    [
      'a worker whose version only begins so',
      { change: { worker: { version: 'v1.32.101' } } },
      'worker has version v1.32.10: v1.32.101',
    ],
    [
      'an edge of a KubeEdge that only begins so',
      { change: { pi: { version: `${edgeVersion}0` } } },
      `pi has version …-kubeedge-v1.23.1: ${edgeVersion}0`,
    ],
    ['an edge without its role', { change: { pi: { labels: {} } } }, 'pi has the role edge: no role label'],
    [
      'a worker that is an edge',
      { change: { worker: { labels: { 'node-role.kubernetes.io/edge': '' } } } },
      'worker has the role worker: edge',
    ],
    [
      'a label that is missing and one that is another',
      { change: { 'edge-1': { labels: { 'node-role.kubernetes.io/edge': '', device: 'radar' } } } },
      'edge-1 has its labels: lacks device=camera, site=lab-7',
    ],
    ['no name service', { dns: noDns }, 'master CoreDNS runs: 0 of 2 available'],
    [
      'a name service without its image',
      {
        dns: noDns,
        pods: [
          dnsPod({ phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'ImagePullBackOff' } } }] }),
        ],
      },
      'master CoreDNS runs: 0 of 2 available, coredns-1 ImagePullBackOff',
    ],
    [
      'a name service on an edge',
      { pods: [dnsPod({ phase: 'Running' }, 'pi')] },
      'master CoreDNS runs: 2 of 2 available, coredns-1 is on pi',
    ],
    [
      'a name service that has no node',
      { dns: noDns, pods: [dnsPod({ phase: 'Pending' })] },
      'master CoreDNS runs: 0 of 2 available, coredns-1 Pending',
    ],
    [
      'kube-proxy without its guard',
      { sets: [daemonSet('kube-proxy')] },
      'master every DaemonSet of the cloud keeps off edges: kube-system/kube-proxy',
    ],
    [
      'a pod of the cloud on an edge',
      { pods: [podOf('kube-proxy', 'edge-1')] },
      'edge-1 no DaemonSet pod of the cloud is here: kube-system/kube-proxy-x',
    ],
    [
      'a pod of a DaemonSet that is gone',
      { pods: [podOf('flannel', 'pi')] },
      'pi no DaemonSet pod of the cloud is here: kube-system/flannel-x',
    ],
  ])('%s', async (_, state, why) => expect((await findings(state)).failed).toEqual([`FAIL ${why}`]))
})

test('a cluster without the deployment says so', async () => {
  const { ctx } = sceneOn('master', { rules: { master: clusterRules({ dns: null }) } })
  expect(await answersTo(clusterQuestions(ctx, loadLab().nodes))).toContainEqual({
    node: 'master',
    claim: 'CoreDNS runs',
    holds: false,
    figure: 'no deployment coredns in kube-system',
  })
})

test('pods that belong on an edge, or on another node, are no strays', async () => {
  const sets = [
    daemonSet('kube-proxy', onlyWhere('DoesNotExist')),
    daemonSet('mqtt', { nodeSelector: { 'node-role.kubernetes.io/edge': '' } }),
    daemonSet('mosquitto', onlyWhere('Exists')),
    daemonSet('mesh', {}, { 'kedge.dev/edges': 'allowed' }),
  ]
  const pods = [
    podOf('kube-proxy', 'worker'),
    podOf('app', 'edge-1', 'ReplicaSet'),
    ...['mqtt', 'mosquitto', 'mesh'].map((name) => podOf(name, 'edge-1')),
  ]
  expect((await findings({ sets, pods })).failed).toEqual([])
})

test('a missing node fails in each of its claims, and the others are still told', async () => {
  const { lines, failed } = await findings({ gone: 'edge-1' })
  expect(failed).toEqual([
    'FAIL edge-1 is Ready: node edge-1 is not in the cluster',
    'FAIL edge-1 has version …-kubeedge-v1.23.1: none',
    'FAIL edge-1 has the role edge: no role label',
    'FAIL edge-1 has its labels: lacks device=camera, site=lab-7',
  ])
  expect(lines).toHaveLength(21)
  expect((await findings({ gone: 'worker' })).failed).toHaveLength(3)
})

test('about one edge only, nothing is said of the cluster', async () => {
  const { lines } = await findings({ gone: 'worker', dns: noDns, sets: [daemonSet('x')] }, ['edge-2'])
  expect(lines).toHaveLength(4)
  expect(lines.every((line) => line.startsWith('ok edge-2 '))).toBe(true)
})
