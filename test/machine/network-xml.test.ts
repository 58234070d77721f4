import { expect, test } from 'bun:test'
import { networkDifferences, networkXml } from '../../lib/machine/network-xml.ts'
import { ownerOf } from '../../lib/machine/ownership.ts'
import { parseXml, type XmlElement } from '../../lib/machine/xml.ts'
import type { Network } from '../../lib/topology/topology.ts'
import { expectGolden } from './expect-golden.ts'
import { lab } from './lab-for-tests.ts'

const [management, cloud] = lab.networks as [Network, Network]

const read = (text: string): XmlElement => parseXml(text)[0] as XmlElement

test('the management network has the host in it, a LAN has nobody', async () => {
  await expectGolden('network-management.xml', networkXml('paper', management))
  await expectGolden('network-cloud.xml', networkXml('paper', cloud))
})

test('what kedge wrote does not differ from what it wants, and is known as its own', () => {
  for (const network of lab.networks) {
    const definition = read(networkXml('paper', network))
    expect(networkDifferences('paper', network, definition)).toEqual([])
    expect(ownerOf(definition)).toEqual({ lab: 'paper', network: network.name })
  }
})

test('every difference is named', () => {
  const other = read(`<network><name>paper-management</name><bridge name='virbr7'/><forward mode='nat'/>
    <ip address='192.168.22.254' netmask='255.255.255.128'><dhcp><range start='192.168.22.3' end='192.168.22.9'/></dhcp></ip></network>`)
  const differences = networkDifferences('paper', management, other)
  expect(differences[0]).toMatch(/^bridge is virbr7 instead of kedge[0-9a-f]{10}$/)
  expect(differences.slice(1)).toEqual([
    'the host’s address is 192.168.22.254/25 instead of 192.168.22.1/24',
    'forwarding is nat instead of off',
    'DHCP is on instead of off',
  ])
  expect(ownerOf(other)).toBeUndefined()
})

test('metadata of another namespace is not kedge’s', () => {
  const text = "<domain><metadata><kedge:lab xmlns:kedge='urn:other' name='paper' node='a'/></metadata></domain>"
  expect(ownerOf(read(text))).toBeUndefined()
  expect(ownerOf(read(text.replace('urn:other', 'urn:kedge:lab:1')))).toEqual({ lab: 'paper', node: 'a' })
})
