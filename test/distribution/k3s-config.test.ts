import { describe, expect, test } from 'bun:test'
import { agentConfig, serverConfig } from '../../lib/distribution/k3s-config.ts'
import { k3sLab, version } from './fake-k3s.ts'

const containerd = { endpoint: 'unix:///run/containerd/containerd.sock' }
const lab = (change?: (text: string) => string) => {
  const topology = k3sLab(change)
  const node = (name: string) => topology.nodes.find((each) => each.name === name) as (typeof topology.nodes)[number]
  return { topology, master: node('master'), worker: node('worker') }
}
const inVersion = (wanted: string) =>
  lab((text) => text.replace(version, wanted).replace('kubeedge: {', 'kubeedge: { anyKubernetes: true,'))

describe('a server', () => {
  const { topology, master } = lab()
  const config = JSON.parse(serverConfig(topology, master, containerd))

  test('has the addresses that isolated LANs leave nobody to guess, and the ranges of the file', () =>
    expect(config).toMatchObject({
      'node-name': 'master',
      'node-ip': '192.168.23.10',
      'advertise-address': '192.168.23.10',
      'cluster-cidr': '10.244.0.0/16',
      'service-cidr': '10.96.0.0/12',
    }))
  test('has a certificate that is good for every LAN, the management network, and where an edge behind NAT sees it', () =>
    expect(config['tls-san']).toEqual([
      '192.168.23.10',
      '192.168.24.1',
      '192.168.24.9',
      '203.0.113.10',
      '192.168.22.10',
    ]))
  test('brings neither a runtime nor a pod network nor add-ons of its own', () =>
    expect(config).toMatchObject({
      'container-runtime-endpoint': '/run/containerd/containerd.sock',
      'kubelet-arg': ['cgroup-driver=systemd'],
      'flannel-backend': 'none',
      'disable-network-policy': true,
      disable: ['traefik', 'servicelb', 'metrics-server', 'local-storage'],
    }))
  test('lets the API server through to edges, for logs and exec', () =>
    expect(config['kube-apiserver-arg']).toEqual([
      'kubelet-certificate-authority=',
      'kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname',
    ]))
  test("leaves root alone to read the administrator's kubeconfig", () =>
    expect(config['write-kubeconfig-mode']).toBe('600'))
  test('holds no token', () => expect(Object.keys(config).join()).not.toContain('token'))
})

test.each([
  ['1.21.2+k3s1', undefined],
  ['1.26.15+k3s1', 'disabled'],
  ['1.32.10+k3s1', 'disabled'],
])('K3s %s: the mode of its tunnels is %p', (wanted, mode) => {
  const { topology, master } = inVersion(wanted)
  expect(JSON.parse(serverConfig(topology, master, containerd))['egress-selector-mode']).toBe(mode)
})

describe('an agent', () => {
  const { topology, worker } = lab()
  test('is told the server on the cloud LAN, its own address, and where its token lies', () =>
    expect(JSON.parse(agentConfig(topology, worker, { endpoint: 'unix:///var/run/crio/crio.sock' }))).toEqual({
      'node-name': 'worker',
      'node-ip': '192.168.23.11',
      'container-runtime-endpoint': '/var/run/crio/crio.sock',
      'kubelet-arg': ['cgroup-driver=systemd'],
      server: 'https://192.168.23.10:6443',
      'token-file': '/etc/rancher/k3s/kedge-token',
    }))
})
