/*
 * One real VM from nothing to nothing, run inside the network namespace of a private libvirtd; `real-vm.test.ts` starts it
 * and judges what it prints, one JSON object. Usage: bun real-vm.ts URI IMAGE FOLDER
 */
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { deliver } from '../../lib/bundle/deliver.ts'
import { manifestOfFile, writeBundleFile } from '../../lib/bundle/write-bundle-file.ts'
import { createVault } from '../../lib/host/secret.ts'
import { attachBundle } from '../../lib/machine/attach-bundle.ts'
import { createConnections } from '../../lib/machine/connections.ts'
import { destroyLab } from '../../lib/machine/destroy-lab.ts'
import { detachBundle } from '../../lib/machine/detach-bundle.ts'
import { takeInventory } from '../../lib/machine/libvirt-inventory.ts'
import { checkNetworks, createNetworks } from '../../lib/machine/networks.ts'
import { proveGone } from '../../lib/machine/prove-gone.ts'
import { labFolder } from '../../lib/machine/storage.ts'
import { checkMachine, createMachine } from '../../lib/machine/virtual-machine.ts'
import type { Instance } from '../../lib/plan/plan.ts'
import { contextMaker } from '../../lib/run/task-context.ts'
import type { TaskContext } from '../../lib/task/task.ts'
import { hypervisorNode, type Machine, type Topology } from '../../lib/topology/topology.ts'
import { makeBundle } from '../bundle/make-bundle.ts'
import { lab, nodeOf } from './lab-for-tests.ts'

const [uri = '', image = '', folder = ''] = process.argv.slice(2)
const machine: Machine = { kind: 'vm', image: 'base', cpus: 1, memoryMiB: 1024, diskGiB: 8 }
const edge = { ...nodeOf(lab, 'edge-1'), machine }

const topologyWith = (networkCount: number): Topology => ({
  ...lab,
  lab: 'realvm',
  folder,
  hypervisor: { uri, accelerator: 'auto', storage: join(folder, 'storage') },
  nodes: lab.nodes.map((node) =>
    node.name === 'edge-1' ? { ...edge, networks: edge.networks.slice(0, networkCount) } : node,
  ),
})

const sha256 = new Bun.CryptoHasher('sha256')
for await (const chunk of Bun.file(image).stream()) sha256.update(chunk)
const base = {
  ...{ name: 'base', kind: 'vm-image' as const, version: 'lab', path: image, roles: [] },
  ...{ sizeBytes: statSync(image).size, sha256: sha256.digest('hex') },
}

/** A bundle in the middle of a pack, as that is carried behind an executable. */
const content = 'keadm '.repeat(500_000)
const source = openBundle(
  makeBundle([
    { name: 'keadm', content },
    { name: 'empty', content: '' },
  ]),
).pieces
const pack = join(folder, 'kedge-lab')
await writeBundleFile(source, manifestOfFile(source), pack)
const bytes = await Bun.file(pack).bytes()
writeFileSync(pack, Buffer.concat([Buffer.alloc(8192, 'x'), bytes, Buffer.from('trailer')]))
chmodSync(pack, 0o644)
const bundle = openBundle({ path: pack, offset: 8192, sizeBytes: bytes.length })

function contextOf(topology: Topology, node: string): TaskContext {
  const connections = createConnections(topology, folder, undefined)
  const make = contextMaker({
    topology,
    connection: connections.to,
    bundle: () => ({ ...bundle, asset: (name, machine) => (name === 'base' ? base : bundle.asset(name, machine)) }),
    attachBundle,
    secret: createVault().secret,
    stateFolder: folder,
    sleep: (seconds) => Bun.sleep(seconds * 1000),
  })
  const signal = AbortSignal.timeout(1_200_000)
  const instance = { id: `create-vms@${node}`, task: 'create-vms', node } as Instance
  const fields = { id: instance.id, task: instance.task, node, phase: 'configuration' }
  return make(instance, {
    signal,
    fields,
    onOutput: (stream, line) => void process.stderr.write(`${stream} ${line}\n`),
  })
}

const bare = topologyWith(1)
const full = topologyWith(2)
const hypervisor = contextOf(full, hypervisorNode.name).hypervisor
const facts: Record<string, unknown> = {}
const since = performance.now()
await createNetworks(hypervisor, full)
facts.networks = await checkNetworks(hypervisor, full)

const first = contextOf(bare, 'edge-1')
facts.before = await checkMachine(first)
await createMachine(first)
facts.secondsToReady = Math.round((performance.now() - since) / 1000)
facts.bare = await checkMachine(first)

const second = contextOf(full, 'edge-1')
facts.grown = await checkMachine(second)
await createMachine(second)
facts.after = await checkMachine(second)
const { stdout } = await second.host
  .$`hostname; getent ahostsv4 edge-1 | head -n 1; ip -br -4 address; ip route show default; cat /etc/ssh/ssh_host_*.pub`
facts.guest = stdout
  .trim()
  .split('\n')
  .map((line) => line.trim().replace(/\s+/g, ' '))

const { uid, gid } = statSync(pack)
const delivered = async () => {
  const path = await deliver(second, second.asset('keadm'))
  const sum = (await second.$`sha256sum ${path}`).stdout.split(' ')[0]
  return { folder: path.slice(0, path.lastIndexOf('/')), isWhole: sum === second.asset('keadm').sha256 }
}
const device = async () => (await second.$`test -e /dev/disk/by-id/virtio-kedge-bundle`.nothrow()).exitCode === 0
facts.bundle = await delivered()
const told: string[] = []
for (const _ of [1, 2])
  await detachBundle(
    hypervisor,
    full,
    () => second.host,
    ({ node, had }) => told.push(`${node} ${had}`),
  )
facts.detached = { told, device: await device() }
facts.attachedAgain = await delivered()
facts.copied = readdirSync(labFolder(full)).filter((name) => name.startsWith('bundle'))
facts.isOwnersStill = statSync(pack).uid === uid && statSync(pack).gid === gid

for (const fact of ['left', 'leftAgain']) {
  const inventory = await takeInventory(hypervisor, full)
  await destroyLab(hypervisor, full, folder, inventory)
  facts[fact] = (await proveGone(hypervisor, full, inventory)).left
}
console.log(JSON.stringify(facts))
process.exit(0)
