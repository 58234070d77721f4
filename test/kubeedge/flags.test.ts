import { describe, expect, test } from 'bun:test'
import { initFlags } from '../../lib/kubeedge/cloudcore.ts'
import { edgeNetwork } from '../../lib/kubeedge/edge-network.ts'
import { joinFlags } from '../../lib/kubeedge/join.ts'
import { portName, requiredPorts } from '../../lib/kubeedge/ports.ts'
import type { HubProtocol } from '../../lib/topology/topology.ts'
import { loadLab } from '../tasks/context.ts'

const valuesOf = (flags: readonly string[], name: string) =>
  flags.filter((flag) => flag.startsWith(`--${name}=`)).map((flag) => flag.slice(name.length + 3))
const setsOf = (flags: readonly string[]) =>
  Object.fromEntries((valuesOf(flags, 'set')[0] ?? '').split(',').map((item) => item.split(/=(.*)/s).slice(0, 2)))

describe('keadm init', () => {
  const options = {
    addresses: ['192.168.23.10', '192.168.24.1'],
    version: '1.23.1',
    kubeconfig: '/etc/kubernetes/admin.conf',
    nodeName: 'master',
    iptables: 'legacy',
    protocol: 'websocket',
  } as const
  const flags = initFlags(options)

  test('is given every word that it would else ask the web for, or wait for, or guess', () => {
    expect(flags).toEqual([
      '--advertise-address=192.168.23.10,192.168.24.1',
      '--kubeedge-version=v1.23.1',
      '--kube-config=/etc/kubernetes/admin.conf',
      expect.stringMatching(/^--set=/),
      '--force',
    ])
  })

  test('lets CloudCore onto the tainted control plane, and onto that node only', () => {
    const sets = setsOf(flags)
    for (const component of ['cloudCore', 'iptablesManager']) {
      expect(sets[`${component}.tolerations[0].key`]).toBe('node-role.kubernetes.io/control-plane')
      expect(sets[`${component}.tolerations[0].operator`]).toBe('Exists')
    }
    // A dot that is not escaped would make a tree of the label's name.
    expect(sets['cloudCore.nodeSelector.kubernetes\\.io/hostname']).toBe('master')
  })

  test('replaces CloudCore instead of rolling, puts no broker on edges, and says which iptables', () => {
    expect(setsOf(flags)).toMatchObject({
      'cloudCore.strategy.type': 'Recreate',
      'mosquitto.enable': 'false',
      'iptablesManager.framework': 'legacy',
    })
    expect(setsOf(initFlags({ ...options, iptables: 'nft' }))['iptablesManager.framework']).toBe('nft')
  })

  test('with the bundle’s broker: the chart’s DaemonSet, with the image that the bundle has', () => {
    expect(setsOf(initFlags({ ...options, broker: '10.0.0.1:5000/eclipse-mosquitto:1.6.15' }))).toMatchObject({
      'mosquitto.enable': 'true',
      'mosquitto.image.repository': '10.0.0.1:5000/eclipse-mosquitto',
      'mosquitto.image.tag': '1.6.15',
    })
  })

  test('QUIC is switched on where it is asked for', () => {
    const key = 'cloudCore.modules.cloudHub.quic.enable'
    expect(setsOf(flags)[key]).toBeUndefined()
    expect(setsOf(initFlags({ ...options, protocol: 'quic' }))[key]).toBe('true')
  })

  test('has one --set alone, whose items have one “=” each', () => {
    expect(valuesOf(flags, 'set')).toHaveLength(1)
    for (const item of valuesOf(flags, 'set')[0]?.split(',') ?? []) expect(item.split('=')).toHaveLength(2)
  })
})

describe('keadm join', () => {
  const options = {
    cloudcore: '192.168.24.1',
    nodeName: 'edge-1',
    kubeedge: { version: '1.23.1', mqtt: 'none', protocol: 'websocket', anyKubernetes: false } as const,
    endpoint: 'unix:///run/containerd/containerd.sock',
    labels: {},
  }

  test('goes to the address on its own LAN, with the name, version, driver and socket said', () => {
    expect(joinFlags(options)).toEqual([
      '--cloudcore-ipport=192.168.24.1:10000',
      '--edgenode-name=edge-1',
      '--kubeedge-version=v1.23.1',
      '--cgroupdriver=systemd',
      '--remote-runtime-endpoint=unix:///run/containerd/containerd.sock',
      '--set=modules.edgeStream.enable=true,modules.eventBus.mqttMode=0',
    ])
  })

  test('sets no field of the inlined kubelet flags, which keadm does not find', () => {
    const set = valuesOf(joinFlags({ ...options, labels: { a: 'b' } }), 'set')[0] ?? ''
    expect(set).not.toMatch(/modules\.edged\.(nodeIP|nodeLabels)/)
  })

  test('has one --set alone, since early 1.18 and 1.19 honour only the last', () => {
    const flags = joinFlags(options)
    expect(valuesOf(flags, 'set')).toHaveLength(1)
    for (const item of valuesOf(flags, 'set')[0]?.split(',') ?? []) expect(item.split('=')).toHaveLength(2)
  })

  test('carries the labels, and leaves the flag out where there are none', () => {
    const labels = { device: 'camera', 'example.com/rack': 'r-7' }
    expect(valuesOf(joinFlags({ ...options, labels }), 'labels')).toEqual(['device=camera,example.com/rack=r-7'])
    expect(valuesOf(joinFlags(options), 'labels')).toEqual([])
  })

  test('over QUIC: the protocol and its port, for this address too', () => {
    const flags = joinFlags({ ...options, kubeedge: { ...options.kubeedge, protocol: 'quic' } })
    expect(flags[0]).toBe('--cloudcore-ipport=192.168.24.1:10001')
    expect(valuesOf(flags, 'hub-protocol')).toEqual(['quic'])
  })

  test.each(['bundle', 'host'] as const)('with a broker of its own (%s), edgecore is told to use it', (mqtt) => {
    const flags = joinFlags({ ...options, kubeedge: { ...options.kubeedge, mqtt } })
    expect(setsOf(flags)['modules.eventBus.mqttMode']).toBe('2')
  })

  test('has no token and none of the flags that newer releases dropped', () => {
    const flags = joinFlags({ ...options, labels: { a: 'b' } }).join(' ')
    expect(flags).not.toMatch(/--token|--runtimetype|--with-mqtt|--tarballpath|--certPath/)
  })
})

test('an edge’s pod network is a bridge with that edge’s own range', () => {
  const network = JSON.parse(edgeNetwork('10.244.3.0/24'))
  expect(network).toEqual({
    cniVersion: '0.4.0',
    name: 'kedge',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        forceAddress: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: { type: 'host-local', ranges: [[{ subnet: '10.244.3.0/24' }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  })
  expect(edgeNetwork('10.244.3.0/24')).not.toBe(edgeNetwork('10.244.4.0/24'))
})

test('ports: edges come in on 10000, 10002 and 10004 of the control plane; nothing of the cloud is needed on an edge', () => {
  const ports = (name: string, protocol: HubProtocol = 'websocket') => {
    const node = loadLab().nodes.find((each) => each.name === name)
    return node ? requiredPorts(node, protocol).map(portName) : []
  }
  expect(ports('master')).toEqual(['10000/tcp', '10002/tcp', '10004/tcp', '6443/tcp', '10250/tcp', '8472/udp'])
  expect(ports('worker')).toEqual(['10250/tcp', '8472/udp'])
  expect(ports('edge-1')).toEqual([])
  expect(ports('master', 'quic')).toContain('10001/udp')
  expect(ports('edge-1', 'quic')).toEqual([])
})
