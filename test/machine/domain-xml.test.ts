import { expect, test } from 'bun:test'
import { compareDomain } from '../../lib/machine/domain-state.ts'
import { bundleDiskXml, type DomainSpec, domainXml } from '../../lib/machine/domain-xml.ts'
import { machineFiles } from '../../lib/machine/storage.ts'
import { formatXml, parseXml, type XmlElement } from '../../lib/machine/xml.ts'
import type { Machine } from '../../lib/topology/topology.ts'
import { expectGolden } from './expect-golden.ts'
import { lab, nodeOf } from './lab-for-tests.ts'

const machine = { kind: 'vm', image: 'base', cpus: 2, memoryMiB: 4096, diskGiB: 20 } as const satisfies Machine

const spec = (change: Partial<DomainSpec> = {}): DomainSpec => ({
  lab: 'paper',
  node: nodeOf(lab, 'edge-1'),
  machine,
  files: machineFiles(lab, 'edge-1'),
  accelerator: 'kvm',
  architecture: 'x86_64',
  ...change,
})

const defined = (text: string, state = 'running') => ({
  definition: parseXml(text)[0] as XmlElement,
  name: 'paper-edge-1',
  state,
})

test('a VM on KVM, an emulated one with NICs in the order of the file, one for ARM', async () => {
  await expectGolden('domain-kvm.xml', domainXml(spec()))
  const master = { node: nodeOf(lab, 'master'), files: machineFiles(lab, 'master') }
  await expectGolden('domain-tcg.xml', domainXml(spec({ ...master, accelerator: 'tcg' })))
  await expectGolden('domain-arm64.xml', domainXml(spec({ architecture: 'aarch64' })))
})

test('the bundle is a disk of its own: a file as it is, or a part of a pack', async () => {
  const slice = { offset: 118_489_088, sizeBytes: 1_288_490_496 }
  await expectGolden('domain-bundle.xml', domainXml(spec({ bundleDisk: { path: '/home/me/kedge.bundle' } })))
  await expectGolden('bundle-in-pack.xml', formatXml(bundleDiskXml({ path: '/home/me/kedge-lab', slice }, 'vdd')))
})

test('nothing from the file can break out of its place', () => {
  const files = { ...machineFiles(lab, 'edge-1'), disk: "/srv/it's <here> & there.qcow2" }
  const text = domainXml(spec({ files }))
  expect(text).toContain("<source file='/srv/it&apos;s &lt;here&gt; &amp; there.qcow2'/>")
})

test('what kedge defined is ours and as the file says', () => {
  const node = nodeOf(lab, 'edge-1')
  expect(compareDomain('paper', node, machine, defined(domainXml(spec())))).toEqual({
    isOurs: true,
    isRunning: true,
    state: 'running',
    differences: [],
    networksWithoutNic: [],
  })
})

test('drift is named: CPUs, memory in whatever unit, a NIC that is not there or another one', () => {
  const node = nodeOf(lab, 'edge-1')
  const text = domainXml(spec())
    .replace('>4096</memory>', '>1</memory>')
    .replace("<memory unit='MiB'", "<memory unit='GiB'")
    .replace('>2</vcpu>', '>1</vcpu>')
    .replace("<source network='paper-edge-1'/>", "<source network='paper-edge-9'/>")
  const state = compareDomain('paper', node, machine, defined(text, 'shut off'))
  expect(state.differences).toEqual(['cpus 1 instead of 2', 'memory 1024 MiB instead of 4096 MiB'])
  expect(state.networksWithoutNic).toEqual(['edge-1'])
  expect(state.isRunning).toBe(false)
})

test('a domain of another lab, of another node, or of nobody is not ours; a further NIC is no drift', () => {
  const text = domainXml(spec())
  const ours = (given: string, labName = 'paper', node = 'edge-1') =>
    compareDomain(labName, nodeOf(lab, node), machine, defined(given)).isOurs
  expect(ours(text)).toBe(true)
  expect(ours(text, 'other')).toBe(false)
  expect(ours(text, 'paper', 'edge-2')).toBe(false)
  expect(ours(text.replace(/<metadata>[\s\S]*<\/metadata>/, ''))).toBe(false)
  const more = text.replace('<serial', "<interface type='network'><source network='default'/></interface><serial")
  expect(compareDomain('paper', nodeOf(lab, 'edge-1'), machine, defined(more)).networksWithoutNic).toEqual([])
})
