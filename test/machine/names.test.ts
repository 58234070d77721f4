import { expect, test } from 'bun:test'
import { bridgeName, interfaceName, libvirtName, macAddress, stableUuid } from '../../lib/machine/names.ts'

test('names follow from the file alone and stay what they are', () => {
  expect(libvirtName('paper', 'edge-1')).toBe('paper-edge-1')
  expect(bridgeName('paper', 'cloud')).toBe('kedge8f2ed60a37')
  expect(macAddress('paper', 'master', 'cloud')).toBe('52:54:8d:95:af:fc')
  expect(stableUuid('paper', 'node', 'master')).toBe('92a2427d-14f2-8548-b53b-6a4eaf1f74e2')
})

test('the kernel takes every interface name', () => {
  for (const network of ['a', 'cloud', 'edge-1', 'management', 'management-2', 'x'.repeat(40)]) {
    expect(bridgeName('a-lab-with-a-long-name', network)).toMatch(/^kedge[0-9a-f]{10}$/)
    expect(interfaceName(network)).toMatch(/^lan-[a-z0-9-]{1,11}$/)
  }
  expect(interfaceName('management')).toBe('lan-management')
  expect(interfaceName('management-1')).not.toBe(interfaceName('management-2'))
})

test('a MAC address is a locally administered one of a single station', () => {
  const first = Number.parseInt(macAddress('a', 'b', 'c').slice(0, 2), 16)
  expect(first & 0b11).toBe(0b10)
})

test('what is named differently is told apart', () => {
  const all = ['a', 'a-b', 'b'].flatMap((lab) => ['c', 'b-c'].map((node) => [lab, node] as const))
  expect(new Set(all.map(([lab, node]) => macAddress(lab, node, 'n'))).size).toBe(all.length)
  expect(new Set(all.map(([lab, node]) => stableUuid(lab, 'node', node))).size).toBe(all.length)
  expect(stableUuid('a', 'node', 'b')).not.toBe(stableUuid('a', 'network', 'b'))
  expect(stableUuid('a', 'node', 'b')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
