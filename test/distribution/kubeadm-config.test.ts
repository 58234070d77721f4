import { describe, expect, test } from 'bun:test'
import { initConfig, joinConfig, kubeadmApi } from '../../lib/distribution/kubeadm-config.ts'
import { controlPlane } from '../../lib/topology/addresses.ts'
import { parseDocuments } from '../../lib/topology/parse-documents.ts'
import { loadLab } from '../tasks/context.ts'

const socket = 'unix:///run/containerd/containerd.sock'
const lab = loadLab()
const older = loadLab((text) => text.replace('1.32.10', '1.30.4'))
const master = controlPlane(lab)
const worker = lab.nodes.find(({ role }) => role === 'worker') ?? master

function documentsOf(text: string): readonly Record<string, unknown>[] {
  const parsed = parseDocuments(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.values as readonly Record<string, unknown>[]
}

test.each([
  ['1.30.14', 'kubeadm.k8s.io/v1beta3'],
  ['1.31.0', 'kubeadm.k8s.io/v1beta4'],
  ['v1.32.10', 'kubeadm.k8s.io/v1beta4'],
  ['1.9.11', 'kubeadm.k8s.io/v1beta3'],
])('kubeadm %s reads %s', (version, api) => expect(kubeadmApi(version)).toBe(api))

describe('kubeadm init', () => {
  test('three documents, each with the addresses that isolated LANs leave nobody to guess', () => {
    const [init, cluster, kubelet] = documentsOf(initConfig(lab, master, socket))
    expect(init).toEqual({
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'InitConfiguration',
      localAPIEndpoint: { advertiseAddress: '192.168.23.10', bindPort: 6443 },
      nodeRegistration: {
        name: 'master',
        criSocket: socket,
        kubeletExtraArgs: [{ name: 'node-ip', value: '192.168.23.10' }],
      },
    })
    expect(cluster).toMatchObject({
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'ClusterConfiguration',
      kubernetesVersion: 'v1.32.10',
      clusterName: 'steps',
      networking: { podSubnet: '10.244.0.0/16', serviceSubnet: '10.96.0.0/12' },
    })
    expect(kubelet).toMatchObject({ kind: 'KubeletConfiguration', cgroupDriver: 'systemd' })
  })

  test("the API server's certificate is good for every LAN, the management network, and where an edge behind NAT sees it", () => {
    const [, cluster] = documentsOf(initConfig(lab, master, socket))
    const { certSANs } = (cluster as unknown as { apiServer: { certSANs: string[] } }).apiServer
    expect(certSANs.toSorted()).toEqual([
      '192.168.22.10',
      '192.168.23.10',
      '192.168.24.1',
      '192.168.24.9',
      '203.0.113.10',
    ])
  })

  test('before 1.31 arguments are a map', () => {
    const [init, cluster] = documentsOf(initConfig(older, controlPlane(older), socket))
    expect(init).toMatchObject({
      apiVersion: 'kubeadm.k8s.io/v1beta3',
      nodeRegistration: { kubeletExtraArgs: { 'node-ip': '192.168.23.10' } },
    })
    expect(cluster).toMatchObject({ apiVersion: 'kubeadm.k8s.io/v1beta3', kubernetesVersion: 'v1.30.4' })
  })
})

describe('kubeadm join', () => {
  const discovery = { endpoint: '192.168.23.10:6443', token: 'abcdef.0123456789abcdef', caCertHash: 'sha256:77' }
  test('a worker is told the endpoint, the CA and its own address', () => {
    expect(documentsOf(joinConfig(lab, worker, socket, discovery))).toEqual([
      {
        apiVersion: 'kubeadm.k8s.io/v1beta4',
        kind: 'JoinConfiguration',
        discovery: {
          bootstrapToken: {
            apiServerEndpoint: '192.168.23.10:6443',
            token: 'abcdef.0123456789abcdef',
            caCertHashes: ['sha256:77'],
          },
        },
        nodeRegistration: {
          name: 'worker',
          criSocket: socket,
          kubeletExtraArgs: [{ name: 'node-ip', value: '192.168.23.11' }],
        },
      },
    ])
  })
  test('before 1.31 arguments are a map', () => {
    expect(documentsOf(joinConfig(older, worker, socket, discovery))[0]).toMatchObject({
      apiVersion: 'kubeadm.k8s.io/v1beta3',
      nodeRegistration: { kubeletExtraArgs: { 'node-ip': '192.168.23.11' } },
    })
  })
})
