import { describe, expect, test } from 'bun:test'
import type { Rule } from '../../lib/host/scripted.ts'
import { containerdConfig } from '../../lib/runtime/containerd.ts'
import verify from '../../tasks/verify.ts'
import { edgeLabels, listJson, type NodeAnswer, nodeJson } from '../distribution/kubectl-answers.ts'
import { loadLab, sceneOn } from './context.ts'
import { pauseImage } from './lab-bundle.ts'

const edgeVersion = 'v1.32.10-kubeedge-v1.23.1'
const nodes: Readonly<Record<string, NodeAnswer>> = {
  master: { name: 'master', labels: { 'node-role.kubernetes.io/control-plane': '' } },
  worker: { name: 'worker' },
  ...Object.fromEntries(
    ['edge-1', 'edge-2', 'pi'].map((name) => [name, { name, version: edgeVersion, labels: edgeLabels }]),
  ),
}
const noEdge = { key: 'node-role.kubernetes.io/edge', operator: 'DoesNotExist' }
const guardedSet = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'kube-proxy', namespace: 'kube-system' },
  spec: {
    template: {
      spec: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [noEdge] }] },
          },
        },
      },
    },
  },
}
const pod = (name: string, nodeName: string, kind: string, nodeSelector = {}) => ({
  kind: 'Pod',
  metadata: { name, namespace: 'kube-system', ownerReferences: [{ kind, name: 'owner' }] },
  spec: { nodeName, nodeSelector },
})

type Cluster = {
  change?: Readonly<Record<string, Partial<NodeAnswer>>>
  gone?: string
  dns?: number
  sets?: object[]
  pods?: object[]
}
function cloud({ change = {}, gone, dns = 2, sets = [guardedSet], pods = [] }: Cluster, topology = loadLab()) {
  const answers = Object.entries(nodes).map(
    ([name, node]): Rule => [
      new RegExp(`get node ${name} `),
      gone === name ? '' : nodeJson({ ...node, ...change[name] }),
    ],
  )
  return sceneOn('master', {
    topology,
    rules: {
      master: [
        ...answers,
        [
          /get -n kube-system deployment coredns /,
          JSON.stringify({ kind: 'Deployment', status: dns ? { availableReplicas: dns } : {} }),
        ],
        [/get daemonsets /, listJson(sets)],
        [/get pods /, listJson(pods)],
      ],
    },
  })
}

describe('on the control plane', () => {
  test('a whole lab: each claim is a line with its figure', async () => {
    const { ctx, said } = cloud({})
    expect(await verify.check(ctx)).toEqual({ done: true })
    expect(said).toContain('ok  master is Ready: v1.32.10')
    expect(said).toContain('ok  master is control-plane: node-role.kubernetes.io/control-plane')
    expect(said).toContain(`ok  edge-1 has version -kubeedge-v1.23.1: ${edgeVersion}`)
    expect(said).toContain('ok  CoreDNS runs: 2 available')
    expect(said).toContain('ok  no DaemonSet of the cloud reaches an edge: none')
  })

  test.each<[string, Cluster, string]>([
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
      `pi has version -kubeedge-v1.23.1: ${edgeVersion}0`,
    ],
    ['an edge without its role', { change: { pi: { labels: {} } } }, 'pi is edge: no such label'],
    ['no name service', { dns: 0 }, 'CoreDNS runs: 0 available'],
    [
      'kube-proxy without its guard',
      { sets: [{ ...guardedSet, spec: { template: { spec: {} } } }] },
      'no DaemonSet of the cloud reaches an edge: kube-system/kube-proxy',
    ],
    [
      'a pod of the cloud on an edge',
      { pods: [pod('kube-proxy-x', 'edge-1', 'DaemonSet')] },
      'no DaemonSet of the cloud reaches an edge: kube-system/kube-proxy-x',
    ],
  ])('%s fails, and is named', async (_, state, why) => {
    const { ctx, said } = cloud(state)
    expect(await verify.check(ctx)).toEqual({ done: false, why })
    expect(said).toContain(`FAIL  ${why}`)
  })

  test('pods that belong on an edge, or on another node, are no strays', async () => {
    const pods = [
      pod('kube-proxy-y', 'worker', 'DaemonSet'),
      pod('app', 'edge-1', 'ReplicaSet'),
      pod('mqtt', 'edge-1', 'DaemonSet', { 'node-role.kubernetes.io/edge': '' }),
    ]
    expect(await verify.check(cloud({ pods }).ctx)).toEqual({ done: true })
  })

  test('a missing node fails in each of its claims, and the others are still told', async () => {
    const { ctx, said } = cloud({ gone: 'edge-1' })
    expect(await verify.check(ctx)).toEqual({
      done: false,
      why: 'edge-1 is Ready: node edge-1 is not in the cluster; edge-1 has version -kubeedge-v1.23.1: none; edge-1 is edge: no such label',
    })
    expect(said).toHaveLength(5 * 3 + 2)
  })

  test('a cluster that is still settling is waited for', async () => {
    const { ctx, sleeps } = sceneOn('master', {
      rules: {
        master: [
          [
            /get node edge-1 /,
            [nodeJson({ ...(nodes['edge-1'] as NodeAnswer), ready: 'False' }), nodeJson(nodes['edge-1'] as NodeAnswer)],
          ],
          ...Object.entries(nodes).map(([name, node]): Rule => [new RegExp(`get node ${name} `), nodeJson(node)]),
          [/coredns/, JSON.stringify({ status: { availableReplicas: 1 } })],
          [/get (daemonsets|pods) /, listJson([])],
        ],
      },
    })
    await verify.run(ctx)
    expect(sleeps).toEqual([2])
  })
})

describe('on an edge', () => {
  const whole: Rule[] = [
    ['swapon --noheadings --show=NAME', ''],
    ['systemctl is-active containerd', 'active\n'],
    ['containerd --version', 'containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1\n'],
    ['containerd config dump', '  SystemdCgroup = true\n'],
    ['ctr plugins ls', 'io.containerd.grpc.v1   cri   linux/amd64   ok   \n'],
    [/edgecore.yaml$/, '      cgroupDriver: systemd\n'],
    [/openssl s_client/, 'Verification: OK\n'],
  ]
  const files = { 'edge-1': { '/etc/containerd/config.toml': containerdConfig(1, pauseImage) } }
  const on = (...changed: Rule[]) => sceneOn('edge-1', { rules: { 'edge-1': [...changed, ...whole] }, files })

  test('whole: CloudCore is asked on this LAN, on both ports, for exactly that address', async () => {
    const { ctx, said, steps } = on()
    expect(await verify.check(ctx)).toEqual({ done: true })
    expect(said).toHaveLength(5)
    for (const port of [10000, 10002]) {
      expect(said).toContain(`ok  edge-1 reaches 192.168.24.1:${port} with a valid certificate: Verification: OK`)
      const asked = steps.filter((step) => step.includes(`-connect 192.168.24.1:${port} `))
      expect(asked).toHaveLength(1)
      expect(asked[0]).toContain('-CAfile /etc/kubeedge/ca/rootCA.crt -verify_ip 192.168.24.1 -verify_return_error')
    }
  })

  test.each<[string, Rule, string]>([
    ['swap that is on', ['swapon --noheadings --show=NAME', '/dev/vda2\n'], 'edge-1: swap is off: /dev/vda2'],
    [
      'edgecore on cgroupfs, which is its default',
      [/edgecore.yaml$/, '      cgroupDriver: cgroupfs\n'],
      'edge-1: edgecore uses systemd cgroups: cgroupDriver: cgroupfs',
    ],
    ['no edgecore.yaml', [/edgecore.yaml$/, { exitCode: 2 }], 'edge-1: edgecore uses systemd cgroups: not set'],
    [
      'a runtime that was changed since',
      ['containerd config dump', 'SystemdCgroup = false\n'],
      'edge-1: the runtime uses systemd cgroups: the cgroup driver is not systemd',
    ],
    [
      'a certificate for another address',
      [/s_client -connect \S+:10002 /, 'verify error:num=64:IP address mismatch\n'],
      'edge-1 reaches 192.168.24.1:10002 with a valid certificate: verify error:num=64:IP address mismatch',
    ],
    [
      'a port that is closed',
      [/s_client -connect \S+:10000 /, { exitCode: 1 }],
      'edge-1 reaches 192.168.24.1:10000 with a valid certificate: no answer',
    ],
  ])('%s fails, and is named', async (_, rule, why) =>
    expect(await verify.check(on(rule).ctx)).toEqual({ done: false, why }),
  )
})
