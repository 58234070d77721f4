import { describe, expect, test } from 'bun:test'
import {
  addressOn,
  addressToCloud,
  advertiseAddresses,
  cloudAddress,
  cloudcoreAddress,
  cloudNetwork,
  controlPlane,
  hypervisorAddress,
  managementNetwork,
  networkOf,
} from '../../lib/topology/addresses.ts'
import { base } from './known.ts'
import { nodeOf, topologyFrom } from './load.ts'

const networks = `
networks:
  management: { cidr: 192.168.22.0/24, management: true }
  first: { cidr: 10.1.0.0/24 }
  second: { cidr: 10.2.0.0/24 }
  third: { cidr: 10.3.0.0/24 }
`

describe('the reference lab', () => {
  const lab = topologyFrom(base)
  const [master, worker, edge] = [nodeOf(lab, 'master'), nodeOf(lab, 'worker'), nodeOf(lab, 'edge-2')]

  test('has its Kubernetes traffic on the cloud LAN', () => {
    expect(controlPlane(lab)).toBe(master)
    expect(cloudNetwork(lab)?.name).toBe('cloud')
    expect([cloudAddress(lab, master), cloudAddress(lab, worker)]).toEqual(['192.168.23.10', '192.168.23.11'])
  })

  test('shows CloudCore to each edge on its own LAN', () => {
    expect(cloudcoreAddress(lab, edge)).toBe('192.168.24.9')
    expect(addressToCloud(lab, edge)).toBe('192.168.24.10')
    expect(advertiseAddresses(lab)).toEqual(['192.168.23.10', '192.168.24.1', '192.168.24.9'])
  })

  test('gives the hypervisor the first management address', () => {
    expect(managementNetwork(lab)?.name).toBe('management')
    expect(hypervisorAddress(lab)).toEqual({ network: 'management', address: '192.168.22.1', prefixLength: 24 })
  })

  test('has addresses only where a node is', () => {
    expect(addressOn(edge, 'edge-2')).toBe('192.168.24.10')
    expect(addressOn(edge, 'cloud')).toBeUndefined()
    expect(networkOf(lab, 'edge-2').cidr).toBe('192.168.24.8/30')
    expect(() => networkOf(lab, 'edge-3')).toThrow('edge-3')
    expect(() => cloudAddress(lab, edge)).toThrow('edge-2')
  })
})

test('the cloud network is the one that all workers share with the control plane', () => {
  const lab = topologyFrom(`version: 1
lab: shared${networks}
nodes:
  m: { role: control-plane, networks: { management: 192.168.22.9, first: 10.1.0.1, second: 10.2.0.1, third: 10.3.0.1 } }
  w-1: { role: worker, networks: { management: 192.168.22.10, first: 10.1.0.2, second: 10.2.0.2 } }
  w-2: { role: worker, networks: { management: 192.168.22.11, second: 10.2.0.3, third: 10.3.0.3 } }
`)
  expect(cloudNetwork(lab)?.name).toBe('second')
  expect(lab.nodes.map((node) => cloudAddress(lab, node))).toEqual(['10.2.0.1', '10.2.0.2', '10.2.0.3'])
})

test('a control plane alone is known on its first LAN, and an edge there adds no address', () => {
  const lab = topologyFrom(`version: 1
lab: alone${networks}
nodes:
  e: { role: edge, networks: { management: 192.168.22.10, second: 10.2.0.2 } }
  m: { role: control-plane, networks: { management: 192.168.22.9, second: 10.2.0.1, first: 10.1.0.1 } }
`)
  expect(cloudNetwork(lab)?.name).toBe('second')
  expect(advertiseAddresses(lab)).toEqual(['10.2.0.1'])
})

test('existing machines on no network are known by what SSH and `cloudcore` say', () => {
  const lab = topologyFrom(`version: 1
lab: bench
nodes:
  m: { role: control-plane, ssh: { host: 10.0.0.5 } }
  w: { role: worker, ssh: { host: 10.0.0.6 } }
  e: { role: edge, ssh: { host: pi.example.com }, cloudcore: 203.0.113.10 }
`)
  expect(cloudNetwork(lab)).toBeUndefined()
  expect(cloudAddress(lab, nodeOf(lab, 'w'))).toBe('10.0.0.6')
  expect(advertiseAddresses(lab)).toEqual(['10.0.0.5', '203.0.113.10'])
  expect(hypervisorAddress(lab)).toBeUndefined()
})

test('`cloudcore` wins over a shared LAN', () => {
  const lab = topologyFrom(`version: 1
lab: nat${networks}
nodes:
  m: { role: control-plane, networks: { management: 192.168.22.9, first: 10.1.0.1 } }
  e: { role: edge, ssh: { host: 10.1.0.2 }, networks: { first: 10.1.0.2 }, cloudcore: 203.0.113.10 }
`)
  expect(cloudcoreAddress(lab, nodeOf(lab, 'e'))).toBe('203.0.113.10')
})

test('a lab that is no cluster has no control plane', () => {
  const lab = topologyFrom('version: 1\nlab: x\nextends: none\n')
  expect(() => controlPlane(lab)).toThrow('no control plane')
})
