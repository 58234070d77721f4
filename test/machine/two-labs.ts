import { scriptedConnection } from '../../lib/host/scripted.ts'
import { domainXml } from '../../lib/machine/domain-xml.ts'
import { createNetworks } from '../../lib/machine/networks.ts'
import { machineFiles } from '../../lib/machine/storage.ts'
import { parseXml, type XmlElement } from '../../lib/machine/xml.ts'
import type { Machine, Topology } from '../../lib/topology/topology.ts'
import { fakeLibvirt } from './fake-libvirt.ts'
import { lab } from './lab-for-tests.ts'
import { filesOf, hostOf } from './scripted-context.ts'

const machine = { kind: 'vm', image: 'base', cpus: 2, memoryMiB: 1024, diskGiB: 8 } as const satisfies Machine

/** Both labs' disks lean on it. */
export const sharedBase = '/srv/kedge/base-0123456789abcdef.qcow2'

/** Two labs, one named as if it were a part of the other, and a stranger's VM, all on one hypervisor. */
export async function twoLabs() {
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
      const state = node.role === 'edge' ? 'shut off' : 'running'
      fake.domains.set(`${topology.lab}-${node.name}`, { definition, state })
      fake.files.set(files.disk, { content: Buffer.from(`backing file: ${sharedBase}`), mode: 0o644 })
    }
  }
  fake.files.set(sharedBase, { content: Buffer.from('base'), mode: 0o444 })
  const stranger = parseXml('<domain><name>paper-of-mine</name></domain>')[0] as XmlElement
  fake.domains.set('paper-of-mine', { definition: stranger, state: 'running' })
  return { fake, host, other, connection }
}
