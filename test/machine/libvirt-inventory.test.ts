import { expect, test } from 'bun:test'
import { scriptedConnection } from '../../lib/host/scripted.ts'
import { domainXml } from '../../lib/machine/domain-xml.ts'
import { libvirtUri } from '../../lib/machine/libvirt.ts'
import { destroyLab, leftovers, listMachines } from '../../lib/machine/libvirt-inventory.ts'
import { machineKeys } from '../../lib/machine/machine-keys.ts'
import { createNetworks } from '../../lib/machine/networks.ts'
import { machineFiles } from '../../lib/machine/storage.ts'
import { parseXml, type XmlElement } from '../../lib/machine/xml.ts'
import type { Machine, Topology } from '../../lib/topology/topology.ts'
import { fakeLibvirt } from './fake-libvirt.ts'
import { lab, nodeOf } from './lab-for-tests.ts'
import { filesOf, hostOf, stateFolder } from './scripted-context.ts'

const machine = { kind: 'vm', image: 'base', cpus: 2, memoryMiB: 1024, diskGiB: 8 } as const satisfies Machine
const empty = { content: Buffer.from('x'), mode: 0o644 }

/** Two labs and a stranger's VM, all on one hypervisor. */
async function bench() {
  const fake = fakeLibvirt()
  const connection = scriptedConnection({ rules: fake.rules })
  fake.files = filesOf(connection)
  const host = hostOf(connection)
  const other: Topology = { ...lab, lab: 'paper-2' }
  for (const topology of [lab, other]) {
    await createNetworks(host, topology)
    for (const node of topology.nodes) {
      const files = machineFiles(topology, node.name)
      const spec = { lab: topology.lab, node, machine, files, accelerator: 'tcg', architecture: 'x86_64' } as const
      const definition = parseXml(domainXml(spec))[0] as XmlElement
      fake.domains.set(`${topology.lab}-${node.name}`, {
        definition,
        state: node.role === 'edge' ? 'shut off' : 'running',
      })
      fake.files.set(files.disk, empty)
    }
  }
  const stranger = parseXml('<domain><name>paper-of-mine</name></domain>')[0] as XmlElement
  fake.domains.set('paper-of-mine', { definition: stranger, state: 'running' })
  return { fake, host, other }
}

test('lists what kedge made for this lab, what the file has lost last', async () => {
  const { host } = await bench()
  const shrunk = { ...lab, nodes: [nodeOf(lab, 'edge-2'), nodeOf(lab, 'master')] }
  expect((await listMachines(host, shrunk)).map(({ node, state, isInFile }) => [node, state, isInFile])).toEqual([
    ['edge-2', 'shut off', true],
    ['master', 'running', true],
    ['edge-1', 'shut off', false],
    ['worker', 'running', false],
  ])
})

test('destroy takes this lab whole and nothing else, and is content with nothing', async () => {
  const { fake, host, other } = await bench()
  const state = stateFolder()
  machineKeys(state, 'edge-1')
  fake.files.set('/srv/kedge/paper/incoming/image', empty)
  const shrunk = { ...lab, nodes: [nodeOf(lab, 'master')] }
  expect((await leftovers(host, shrunk)).length).toBe(4 + 4 + 5)
  for (let time = 0; time < 2; time++) {
    expect(await destroyLab(host, shrunk, state)).toEqual([])
    expect([...fake.domains.keys()].filter((name) => !name.startsWith('paper-2'))).toEqual(['paper-of-mine'])
  }
  expect((await listMachines(host, other)).length).toBe(4)
  expect(fake.networks.size).toBe(4)
  expect([...fake.files.keys()].every((path) => path.startsWith('/srv/kedge/paper-2/'))).toBe(true)
})

test('what cannot be removed is named', async () => {
  const { fake, host } = await bench()
  expect(await leftovers(host, { ...lab, lab: 'nothing' })).toEqual([])
  for (const name of [...fake.domains.keys()]) if (name !== 'paper-worker') fake.domains.delete(name)
  fake.networks.clear()
  fake.files.clear()
  expect(await leftovers(host, lab)).toEqual(['domain paper-worker'])
})

test('on the hypervisor itself the URI needs no way there', () => {
  expect(libvirtUri('qemu:///system')).toBe('qemu:///system')
  expect(libvirtUri('qemu:///system?socket=/run/x')).toBe('qemu:///system?socket=/run/x')
  expect(libvirtUri('qemu+ssh://root@big.example:2222/system')).toBe('qemu:///system')
  expect(libvirtUri('qemu+ssh://big/system?keyfile=/k&socket=/run/x')).toBe('qemu:///system?socket=/run/x')
  expect(libvirtUri('qemu+libssh2://me@big/session')).toBe('qemu:///session')
})
