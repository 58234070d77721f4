import { expect, setDefaultTimeout, test } from 'bun:test'
import { isBundle } from '../../lib/machine/domain-disks.ts'
import { bundleDiskXml } from '../../lib/machine/domain-xml.ts'
import { libvirtUri } from '../../lib/machine/libvirt.ts'
import { listMachines, takeInventory } from '../../lib/machine/libvirt-inventory.ts'
import { parseXml, type XmlElement } from '../../lib/machine/xml.ts'
import { lab, nodeOf } from './lab-for-tests.ts'
import { twoLabs } from './two-labs.ts'

setDefaultTimeout(120_000)

test('lists what kedge made for this lab, what the file has lost last', async () => {
  const { host } = await twoLabs()
  const shrunk = { ...lab, nodes: [nodeOf(lab, 'edge-2'), nodeOf(lab, 'master')] }
  expect((await listMachines(host, shrunk)).map(({ node, state, isInFile }) => [node, state, isInFile])).toEqual([
    ['edge-2', 'shut off', true],
    ['master', 'running', true],
    ['edge-1', 'shut off', false],
    ['worker', 'running', false],
  ])
})

test('which of them have the bundle as a disk', async () => {
  const { fake, host } = await twoLabs()
  const having = async () => (await listMachines(host, lab)).flatMap(({ node, hasBundle }) => (hasBundle ? [node] : []))
  const worker = fake.domains.get('paper-worker')
  if (!worker) throw new Error('no worker')
  const before = await having()
  const children = worker.definition.children.map((child) =>
    child.name === 'devices'
      ? {
          ...child,
          children: [...child.children.filter((device) => !isBundle(device)), bundleDiskXml({ path: '/b' }, 'vdy')],
        }
      : child,
  )
  worker.definition = { ...worker.definition, children }
  expect(await having()).toEqual([...new Set([...before, 'worker'])])
  worker.definition = {
    ...worker.definition,
    children: children.map((child) => ({ ...child, children: child.children.filter((device) => !isBundle(device)) })),
  }
  expect(await having()).not.toContain('worker')
})

test('a clone carries kedge’s mark and is not kedge’s; a renamed VM still is', async () => {
  const { fake, host } = await twoLabs()
  const worker = fake.domains.get('paper-worker')
  if (!worker) throw new Error('no worker')
  const renamed = (name: string, change = (text: string) => text) => {
    const children = worker.definition.children.flatMap((child) => {
      if (child.name === 'name') return [{ ...child, text: name }]
      return child.name === 'uuid' ? [{ ...child, text: change(child.text ?? '') }] : [child]
    })
    return { ...worker, definition: { ...worker.definition, children } }
  }
  fake.domains.set(
    'paper-master-2',
    renamed('paper-master-2', () => 'f3b0a8d4-55aa-4b6e-9f53-0123456789ab'),
  )
  fake.domains.delete('paper-worker')
  fake.domains.set('old', renamed('old'))
  expect((await listMachines(host, lab)).map(({ node, domain }) => [node, domain])).toEqual([
    ['master', 'paper-master'],
    ['worker', 'old'],
    ['edge-1', 'paper-edge-1'],
    ['edge-2', 'paper-edge-2'],
  ])
})

test('names what only looks like the lab’s, in libvirt and in its folder', async () => {
  const { fake, host } = await twoLabs()
  const network = parseXml('<network><name>paper-cloud</name></network>')[0] as XmlElement
  fake.networks.set('paper-cloud', { definition: network, isActive: true, isAutostarted: true })
  const domain = parseXml('<domain><name>paper-edge-1</name></domain>')[0] as XmlElement
  fake.domains.set('paper-edge-1', { definition: domain, state: 'running' })
  for (const name of ['notes.txt', 'data.qcow2', 'edge-9.qcow2', 'edge-1.snap1', 'bundle-0123456789abcdef.img.new'])
    fake.files.set(`/srv/kedge/paper/${name}`, { content: Buffer.from(''), mode: 0o644 })
  const seen = await takeInventory(host, lab, ['edge-9'])
  expect(seen.foreign).toEqual(['VM paper-edge-1', 'network paper-cloud'])
  expect([...seen.strangeFiles].sort()).toEqual(['data.qcow2', 'notes.txt'])
  expect(seen.files).toContain('edge-9.qcow2')
  expect(seen.files).toContain('edge-1.snap1')
  expect(seen.networks.map(({ name }) => name).sort()).toEqual(['paper-edge-1', 'paper-edge-2', 'paper-management'])
})

test('on the hypervisor itself the URI needs no way there', () => {
  expect(libvirtUri('qemu:///system')).toBe('qemu:///system')
  expect(libvirtUri('qemu:///system?socket=/run/x')).toBe('qemu:///system?socket=/run/x')
  expect(libvirtUri('qemu+ssh://root@big.example:2222/system')).toBe('qemu:///system')
  expect(libvirtUri('qemu+ssh://big/system?keyfile=/k&socket=/run/x')).toBe('qemu:///system?socket=/run/x')
  expect(libvirtUri('qemu+libssh2://me@big/session')).toBe('qemu:///session')
})
