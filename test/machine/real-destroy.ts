/*
 * A lab's removal from a real libvirt without booting anything, run inside the network namespace of a private libvirtd;
 * `real-vm.test.ts` starts it and judges what it prints, one JSON object. Usage: bun real-destroy.ts URI FOLDER
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createConnections } from '../../lib/machine/connections.ts'
import { destroyLab } from '../../lib/machine/destroy-lab.ts'
import { domainXml } from '../../lib/machine/domain-xml.ts'
import { takeInventory } from '../../lib/machine/libvirt-inventory.ts'
import { createNetworks } from '../../lib/machine/networks.ts'
import { proveGone } from '../../lib/machine/prove-gone.ts'
import { labFolder, machineFiles } from '../../lib/machine/storage.ts'
import { hypervisorNode, type Machine, type Topology } from '../../lib/topology/topology.ts'
import { lab } from './lab-for-tests.ts'

const [uri = '', folder = ''] = process.argv.slice(2)
const machine = { kind: 'vm', image: 'base', cpus: 1, memoryMiB: 64, diskGiB: 1 } as const satisfies Machine
const storage = join(folder, 'storage')
const base = join(storage, 'base-0123456789abcdef.qcow2')

const virsh = (args: readonly string[], input?: string): string =>
  execFileSync('virsh', ['-q', '-c', uri, ...args], { encoding: 'utf8', ...(input === undefined ? {} : { input }) })
const names = (): string[] =>
  [...virsh(['list', '--all', '--name']).split('\n'), ...virsh(['net-list', '--all', '--name']).split('\n')]
    .filter((name) => name !== '')
    .sort()

const labCalled = (name: string, cidrs: readonly string[]): Topology => ({
  ...lab,
  lab: name,
  folder,
  hypervisor: { uri, accelerator: 'tcg', storage },
  networks: lab.networks.slice(0, 2).map((network, at) => ({ ...network, cidr: cidrs[at] ?? '' })),
  nodes: lab.nodes.map((node) => ({ ...node, machine, networks: node.networks.slice(0, 1) })),
})

const paper = labCalled('paper', ['192.168.22.0/24', '192.168.23.0/24'])
const beside = labCalled('paper-2', ['192.168.32.0/24', '192.168.33.0/24'])
const hypervisor = createConnections(paper, folder, undefined)
  .to(hypervisorNode)
  .bind({ signal: AbortSignal.timeout(300_000), onOutput: () => {} })

mkdirSync(storage, { recursive: true })
execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', base, '64M'])
for (const topology of [paper, beside]) {
  await createNetworks(hypervisor, topology)
  mkdirSync(labFolder(topology), { recursive: true })
  for (const node of topology.nodes) {
    const files = machineFiles(topology, node.name)
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base, files.disk, '64M'])
    writeFileSync(files.seed, Buffer.alloc(65536))
    const spec = { lab: topology.lab, node, machine, files, accelerator: 'tcg', architecture: 'x86_64' } as const
    virsh(['define', '/dev/stdin'], domainXml(spec))
  }
}
// An internal snapshot, an overlay of an external one, a name of its owner's own, and one taken for a clone.
virsh([
  'snapshot-create-as',
  'paper-edge-1',
  'inside',
  '--disk-only',
  '--diskspec',
  'vda,snapshot=external',
  '--diskspec',
  'vdb,snapshot=no',
])
virsh(
  ['snapshot-create', 'paper-edge-2', '/dev/stdin'],
  "<domainsnapshot><name>s</name><disks><disk name='vda' snapshot='internal'/><disk name='vdb' snapshot='no'/></disks></domainsnapshot>",
)
virsh(['domrename', 'paper-worker', 'renamed'])
const stranger = (name: string) =>
  `<domain type='qemu'><name>${name}</name><memory unit='MiB'>64</memory><os><type arch='x86_64'>hvm</type></os></domain>`
virsh(['define', '/dev/stdin'], stranger('paper-worker'))
virsh(['define', '/dev/stdin'], stranger('paper-edge-1-clone'))
virsh(['net-define', '/dev/stdin'], "<network><name>paper-edge-1</name><bridge name='mine0'/></network>")
writeFileSync(join(labFolder(paper), 'notes.txt'), 'mine')

const before = names()
const inventory = await takeInventory(hypervisor, paper)
const found = await proveGone(hypervisor, paper, inventory)
const kept = await destroyLab(hypervisor, paper, folder, inventory)
const { left } = await proveGone(hypervisor, paper, inventory)
const again = await takeInventory(hypervisor, paper)
await destroyLab(hypervisor, paper, folder, again)
const gone = before.filter((name) => !names().includes(name))
const facts = {
  // Not the neighbours: connections to an earlier test's VM of the same address may still look for it here.
  found: found.left.filter((line) => !/^(file|neighbour) /.test(line)).length,
  foreign: inventory.foreign,
  files: [...inventory.files].sort(),
  left,
  gone,
  kept: kept.map(({ why }) => why),
  folder: readdirSync(labFolder(paper)),
  beside: (await takeInventory(hypervisor, beside)).machines.length,
  isBaseThere: existsSync(base),
}
console.log(JSON.stringify(facts))
process.exit(0)
