import { expect, test } from 'bun:test'
import { scriptedConnection } from '../../lib/host/scripted.ts'
import { bridgeName } from '../../lib/machine/names.ts'
import { checkNetworks, createNetworks, destroyNetworks, vmNetworks } from '../../lib/machine/networks.ts'
import { parseXml, type XmlElement } from '../../lib/machine/xml.ts'
import type { Machine, Topology } from '../../lib/topology/topology.ts'
import { failureOf } from '../host/failure-of.ts'
import { fakeLibvirt } from './fake-libvirt.ts'
import { lab, nodeOf, withNode } from './lab-for-tests.ts'
import { hostOf } from './scripted-context.ts'

function bench() {
  const fake = fakeLibvirt()
  const connection = scriptedConnection({ rules: fake.rules })
  return { fake, host: hostOf(connection), commands: connection.commands }
}

const names = ['paper-cloud', 'paper-edge-1', 'paper-edge-2', 'paper-management']
test('from nothing to four networks; a second time changes nothing', async () => {
  const { fake, host, commands } = bench()
  expect(await checkNetworks(host, lab)).toMatchObject({
    done: false,
    why: expect.stringContaining('paper-cloud is not defined'),
  })
  await createNetworks(host, lab)
  expect([...fake.networks.keys()].sort()).toEqual(names)
  expect(await checkNetworks(host, lab)).toEqual({ done: true })
  const before = commands.length
  await createNetworks(host, lab)
  expect(commands.slice(before).every((command) => command.includes('net-dumpxml'))).toBe(true)
})

test('killed before any of its commands, the next run ends in the same state', async () => {
  let hasDied = true
  for (let number = 1; hasDied; number++) {
    const { fake, host } = bench()
    fake.dieAt = number
    hasDied = await createNetworks(host, lab).then(
      () => false,
      () => true,
    )
    delete fake.dieAt
    await createNetworks(host, lab)
    expect({ number, check: await checkNetworks(host, lab) }).toEqual({ number, check: { done: true } })
  }
}, 60_000)

test('one that does not run, or would not after a reboot, is pending and brought up', async () => {
  const { fake, host } = bench()
  await createNetworks(host, lab)
  const [cloud, edge] = ['paper-cloud', 'paper-edge-1'].map((name) => fake.networks.get(name))
  if (!cloud || !edge) throw new Error('no networks')
  cloud.isActive = false
  edge.isAutostarted = false
  expect(await checkNetworks(host, lab)).toEqual({
    done: false,
    why: 'network paper-cloud is not active; network paper-edge-1 does not start by itself',
  })
  await createNetworks(host, lab)
  expect(await checkNetworks(host, lab)).toEqual({ done: true })
})

test('one that differs is never redefined: it says what differs', async () => {
  const { fake, host } = bench()
  await createNetworks(host, lab)
  const moved: Topology = {
    ...lab,
    networks: lab.networks.map((network) => (network.management ? { ...network, cidr: '192.168.99.0/24' } : network)),
  }
  const before = [...fake.networks]
  const check = await checkNetworks(host, moved)
  const difference = 'the host’s address is 192.168.22.1/24 instead of 192.168.99.1/24'
  expect(check).toEqual({ done: false, why: `network paper-management: ${difference}` })
  expect(await failureOf(createNetworks(host, moved))).toMatchObject({
    kind: 'refused',
    message: `libvirt network paper-management exists, but ${difference}`,
    cure: expect.stringContaining('kedge destroy'),
  })
  expect([...fake.networks]).toEqual(before)
})

test('one that somebody else made is refused before anything is made, and never destroyed', async () => {
  const { fake, host } = bench()
  const definition = parseXml("<network><name>paper-cloud</name><forward mode='nat'/></network>")[0] as XmlElement
  fake.networks.set('paper-cloud', { definition, isActive: true, isAutostarted: true })
  const failure = await failureOf(createNetworks(host, lab))
  expect(failure.message).toBe('libvirt network paper-cloud exists, but was not made by kedge for this lab')
  expect([...fake.networks.keys()]).toEqual(['paper-cloud'])
  await destroyNetworks(host, lab)
  expect([...fake.networks.keys()]).toEqual(['paper-cloud'])
})

test('what the hypervisor reaches already is not covered by a new network', async () => {
  const { fake, host } = bench()
  fake.routes = `default via 10.0.2.2 dev eth0
0.0.0.0/1 via 10.8.0.1 dev tun0
10.0.2.0/24 dev eth0 proto kernel scope link src 10.0.2.15
192.168.23.64/26 dev br7 proto kernel scope link src 192.168.23.65
local 192.168.22.1 dev lo table local proto kernel scope host src 192.168.22.1
`
  expect(await failureOf(createNetworks(host, lab))).toMatchObject({
    kind: 'refused',
    message: 'network cloud (192.168.23.0/24) overlaps 192.168.23.64/26 on br7',
    cure: expect.stringContaining('another range'),
  })
  expect(fake.networks.size).toBe(0)
})

test('a bridge of the lab itself is no obstacle', async () => {
  const { fake, host } = bench()
  fake.routes = `192.168.22.0/24 dev ${bridgeName('paper', 'management')} proto kernel scope link src 192.168.22.1\n`
  await createNetworks(host, lab)
  expect(fake.networks.size).toBe(4)
})

test('one that was renamed is named by both names, and gone it is made anew', async () => {
  const { fake, host } = bench()
  await createNetworks(host, lab)
  const cloud = fake.networks.get('paper-cloud')
  if (!cloud) throw new Error('no network')
  const children = cloud.definition.children.map((child) =>
    child.name === 'name' ? { ...child, text: 'mine' } : child,
  )
  fake.networks.delete('paper-cloud')
  fake.networks.set('mine', { ...cloud, definition: { ...cloud.definition, children } })
  expect(await failureOf(createNetworks(host, lab))).toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('libvirt network paper-cloud is called mine now'),
    cure: expect.stringContaining('virsh net-undefine mine'),
  })
  fake.networks.delete('mine')
  await createNetworks(host, lab)
  expect(await checkNetworks(host, lab)).toEqual({ done: true })
})

test('destroy takes all of this lab’s networks, those that the file has lost too, and no other lab’s', async () => {
  const { fake, host } = bench()
  await createNetworks(host, lab)
  await createNetworks(host, { ...lab, lab: 'paper-cloud' })
  const shrunk = { ...lab, networks: lab.networks.slice(0, 2) }
  await destroyNetworks(host, shrunk)
  await destroyNetworks(host, shrunk)
  expect([...fake.networks.keys()].sort()).toEqual(names.map((name) => name.replace('paper', 'paper-cloud')))
})

test('a network that only existing machines are on is not kedge’s to make', () => {
  const machine: Machine = { kind: 'existing', ssh: { host: '10.0.0.7', port: 22, user: 'pi' } }
  const networks = nodeOf(lab, 'edge-2').networks
  const used = { ...withNode('edge-2', { machine, networks }) }
  const others = used.nodes.map((node) =>
    node.name === 'master' ? { ...node, networks: node.networks.slice(0, 3) } : node,
  )
  expect(vmNetworks({ ...used, nodes: others }).map(({ name }) => name)).toEqual(['management', 'cloud', 'edge-1'])
})
