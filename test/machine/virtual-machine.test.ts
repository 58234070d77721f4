import { expect, setDefaultTimeout, test } from 'bun:test'
import { scriptedConnection } from '../../lib/host/scripted.ts'
import { macAddress } from '../../lib/machine/names.ts'
import { createNetworks } from '../../lib/machine/networks.ts'
import { checkMachine, createMachine, virtualMachine } from '../../lib/machine/virtual-machine.ts'
import { find, findAll, parseXml, type XmlElement } from '../../lib/machine/xml.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { failureOf } from '../host/failure-of.ts'
import { type FakeLibvirt, fakeGuest, fakeLibvirt } from './fake-libvirt.ts'
import { lab, nodeOf, withNode } from './lab-for-tests.ts'
import { filesOf, imageAsset, type Scripted, scriptedContext, stateFolder } from './scripted-context.ts'

// Each run of a whole creation is some dozen commands, and the killed ones are many.
setDefaultTimeout(300_000)

type Bench = { readonly fake: FakeLibvirt; open(name?: string, topology?: Topology): Scripted }

/** A hypervisor with the lab's networks, and contexts on it one after another, as runs of kedge would have them. */
async function bench(topology = lab): Promise<Bench> {
  const fake = fakeLibvirt()
  const hypervisor = scriptedConnection({ name: 'hypervisor', rules: fake.rules })
  fake.files = filesOf(hypervisor)
  const state = stateFolder()
  const guests = new Map<string, ReturnType<typeof fakeGuest>>()
  const open = (name = 'edge-1', given = topology): Scripted => {
    const node = nodeOf(given, name)
    const addresses = new Map(
      node.networks.map(({ network, address, prefixLength }) => [
        macAddress(given.lab, name, network),
        `${address}/${prefixLength}`,
      ]),
    )
    const guest = guests.get(name) ?? fakeGuest(fake, `${given.lab}-${name}`, addresses)
    guests.set(name, guest)
    return scriptedContext(given, name, { hypervisor, guest }, state)
  }
  const { ctx } = open()
  await createNetworks(ctx.hypervisor, topology)
  fake.commandCount = 0
  return { fake, open }
}

const base = `/srv/kedge/base-${imageAsset.sha256.slice(0, 16)}.qcow2`
const bundleDisk = `/srv/kedge/paper/bundle-${new Bun.CryptoHasher('sha256').update(imageAsset.sha256).digest('hex').slice(0, 16)}.img`
const whole = [base, bundleDisk, '/srv/kedge/paper/edge-1.qcow2', '/srv/kedge/paper/edge-1.seed.iso'].sort()

const whyOf = async ({ ctx }: Scripted): Promise<string> => {
  const check = await checkMachine(ctx)
  return check.done ? 'done' : check.why
}

test('from nothing to a VM that answers; a second time changes nothing', async () => {
  const { fake, open } = await bench()
  expect(await whyOf(open())).toBe('domain paper-edge-1 is not defined')
  await createMachine(open().ctx)
  expect([...fake.files.keys()].sort()).toEqual(whole)
  for (const file of ['seed.iso', 'qcow2']) expect(fake.files.get(`/srv/kedge/paper/edge-1.${file}`)?.mode).toBe(0o600)
  expect(fake.files.get(base)?.mode).toBe(0o444)
  const { hypervisor } = open()
  const before = hypervisor.commands.length
  expect(await whyOf(open())).toBe('done')
  const asked = hypervisor.commands.slice(before)
  expect(asked.length).toBe(3)
  expect(asked.every((command) => /dumpxml|^test|domiflist/.test(command))).toBe(true)
})

test('killed before any of its commands, the next run ends in the same state', async () => {
  const undisturbed = await bench()
  await createMachine(undisturbed.open().ctx)
  const commands = undisturbed.fake.commandCount
  expect(commands).toBeGreaterThan(10)
  for (let number = 1; number <= commands; number++) {
    const { fake, open } = await bench()
    fake.dieAt = number
    expect((await failureOf(createMachine(open().ctx))).message).toContain('killed')
    delete fake.dieAt
    await createMachine(open().ctx)
    expect({ number, files: [...fake.files.keys()].sort() }).toEqual({ number, files: whole })
    expect(fake.domains.get('paper-edge-1')?.state).toBe('running')
    expect(await whyOf(open())).toBe('done')
  }
})

test('a bundle with nothing for nodes makes no disk', async () => {
  const { fake, open } = await bench()
  await createMachine({ ...open().ctx, assets: () => [] })
  expect([...fake.files.keys()].sort()).toEqual(whole.filter((path) => path !== bundleDisk))
})

test('four at once copy the image once', async () => {
  const { open } = await bench()
  const all = lab.nodes.map(({ name }) => open(name))
  await Promise.all(all.map(({ ctx }) => createMachine(ctx)))
  expect(all.flatMap(({ said }) => said.filter((text) => text.startsWith('copying'))).length).toBe(1)
})

test('a VM that was switched off is started, with a NIC that the file has got since', async () => {
  const { fake, open } = await bench()
  await createMachine(open().ctx)
  const domain = fake.domains.get('paper-edge-1')
  if (!domain) throw new Error('no domain')
  domain.state = 'shut off'
  expect(await whyOf(open())).toBe('paper-edge-1: it is shut off')
  domain.definition = withoutNic(domain.definition, 'paper-edge-1')
  expect(await whyOf(open())).toBe('paper-edge-1: no NIC on edge-1, it is shut off')
  await createMachine(open().ctx)
  expect(await whyOf(open())).toBe('done')
})

test('a paused VM goes on, and gets the NIC that it lacks', async () => {
  const { fake, open } = await bench()
  await createMachine(open().ctx)
  const domain = fake.domains.get('paper-edge-1')
  if (!domain) throw new Error('no domain')
  domain.state = 'paused'
  domain.definition = withoutNic(domain.definition, 'paper-edge-1')
  await createMachine(open().ctx)
  expect(await whyOf(open())).toBe('done')
})

test('a running VM gets a NIC plugged in, its seed is renewed under it, and killed in between it still ends so', async () => {
  let hasDied = true
  for (let number = 1; hasDied; number++) {
    const { fake, open } = await bench()
    await createMachine(open().ctx)
    const domain = fake.domains.get('paper-edge-1')
    if (!domain) throw new Error('no domain')
    domain.definition = withoutNic(domain.definition, 'paper-edge-1')
    const before = fake.files.get('/srv/kedge/paper/edge-1.seed.iso')
    expect(await whyOf(open())).toBe('paper-edge-1: no NIC on edge-1')
    fake.dieAt = fake.commandCount + number
    hasDied = await createMachine(open().ctx).then(
      () => false,
      () => true,
    )
    delete fake.dieAt
    await createMachine(open().ctx)
    expect(await whyOf(open())).toBe('done')
    expect(findAll(domain.definition, ['devices', 'interface']).length).toBe(2)
    expect(fake.files.get('/srv/kedge/paper/edge-1.seed.iso')).not.toBe(before)
    expect([...fake.files.keys()].sort()).toEqual(whole)
  }
})

test('a network that was made again under a running VM: named, and the VM is put back on it', async () => {
  const { fake, open } = await bench()
  await createMachine(open().ctx)
  const network = fake.networks.get('paper-edge-1')
  const { ctx, hypervisor } = open()
  await ctx.hypervisor.$`LC_ALL=C virsh -q -c qemu:///system net-destroy paper-edge-1`
  await ctx.hypervisor.$`LC_ALL=C virsh -q -c qemu:///system net-undefine paper-edge-1`
  expect(network?.isActive).toBe(false)
  await createNetworks(ctx.hypervisor, lab)
  expect(await whyOf(open())).toBe('paper-edge-1: its NIC on edge-1 is plugged in nowhere')
  await createMachine(open().ctx)
  expect(hypervisor.commands.filter((command) => command.startsWith('ip link set'))).toHaveLength(1)
  expect(await whyOf(open())).toBe('done')
})

test('a VM that was renamed is named by both names, and nothing is made beside it', async () => {
  const { fake, open } = await bench()
  await createMachine(open().ctx)
  const domain = fake.domains.get('paper-edge-1')
  if (!domain) throw new Error('no domain')
  const children = domain.definition.children.map((child) =>
    child.name === 'name' ? { ...child, text: 'mine' } : child,
  )
  fake.domains.delete('paper-edge-1')
  fake.domains.set('mine', { ...domain, definition: { ...domain.definition, children } })
  const failure = await failureOf(createMachine(open().ctx))
  expect(failure).toMatchObject({
    kind: 'refused',
    message: 'libvirt domain paper-edge-1 is called mine now',
    cure: expect.stringContaining('virsh domrename mine paper-edge-1'),
  })
  expect([...fake.domains.keys()]).toEqual(['mine'])
})

test('CPUs and memory that differ are reported, and refused with the cure', async () => {
  const { open } = await bench()
  await createMachine(open().ctx)
  const bigger = withNode('edge-1', { machine: { kind: 'vm', image: 'base', cpus: 4, memoryMiB: 8192, diskGiB: 20 } })
  const why = 'cpus 2 instead of 4, memory 4096 MiB instead of 8192 MiB'
  expect(await whyOf(open('edge-1', bigger))).toBe(`paper-edge-1: ${why}`)
  const failure = await failureOf(createMachine(open('edge-1', bigger).ctx))
  expect(failure).toEqual({
    kind: 'refused',
    message: `paper-edge-1 has ${why}`,
    cure: 'kedge destroy --node edge-1, then run again',
  })
})

test('a domain of that name that is somebody else’s is neither touched nor removed', async () => {
  const { fake, open } = await bench()
  const definition = parseXml('<domain><name>paper-edge-1</name><vcpu>1</vcpu></domain>')[0] as XmlElement
  fake.domains.set('paper-edge-1', { definition, state: 'running' })
  expect(await whyOf(open())).toBe('domain paper-edge-1 was not made by kedge for this lab')
  expect((await failureOf(createMachine(open().ctx))).kind).toBe('refused')
  expect((await failureOf(virtualMachine.destroy(open().ctx))).kind).toBe('refused')
  expect(fake.domains.get('paper-edge-1')).toEqual({ definition, state: 'running' })
})

test('a running VM whose disk is gone is refused; one that is off gets a new disk', async () => {
  const { fake, open } = await bench()
  await createMachine(open().ctx)
  fake.files.delete('/srv/kedge/paper/edge-1.qcow2')
  expect(await whyOf(open())).toBe('paper-edge-1: its disk /srv/kedge/paper/edge-1.qcow2 is missing')
  expect((await failureOf(createMachine(open().ctx))).cure).toBe('kedge destroy --node edge-1, then run again')
  const domain = fake.domains.get('paper-edge-1')
  if (domain) domain.state = 'shut off'
  await createMachine(open().ctx)
  expect(await whyOf(open())).toBe('done')
})

test('an image that is no qcow2, leans on another file, or is larger than the disk is refused', async () => {
  const unfit = [
    [{ format: 'raw', 'virtual-size': 1 }, 'is raw, not qcow2'],
    [{ format: 'qcow2', 'virtual-size': 1, 'backing-filename': '/etc/shadow' }, 'is an overlay on /etc/shadow'],
    [{ format: 'qcow2', 'virtual-size': 20 * 2 ** 30 + 1 }, 'needs a disk of 21 GiB, and edge-1 has 20 GiB'],
  ] as const
  for (const [info, message] of unfit) {
    const { fake, open } = await bench()
    fake.imageInfo = info
    const failure = await failureOf(createMachine(open().ctx))
    expect(failure.kind).toBe('refused')
    expect(failure.message).toBe(`the image base ${message}`)
    expect(fake.domains.size).toBe(0)
  }
})

test('a base image that someone has changed is refused', async () => {
  const { fake, open } = await bench()
  fake.files.set(base, { content: Buffer.from('something else'), mode: 0o644 })
  const failure = await failureOf(createMachine(open().ctx))
  expect(failure.message).toBe(`${base} has 14 bytes instead of ${imageAsset.sizeBytes}`)
})

test('destroy leaves what is the whole lab’s, and is content with nothing', async () => {
  const { fake, open } = await bench()
  await createMachine(open().ctx)
  for (let time = 0; time < 2; time++) {
    await virtualMachine.destroy(open().ctx)
    expect([...fake.files.keys()].sort()).toEqual([base, bundleDisk].sort())
    expect(fake.domains.size).toBe(0)
    expect(fake.networks.size).toBe(4)
  }
})

function withoutNic(definition: XmlElement, network: string): XmlElement {
  const isIt = (device: XmlElement): boolean => find(device, ['source'])?.attributes.network === network
  const children = definition.children.map((child) =>
    child.name === 'devices' ? { ...child, children: child.children.filter((device) => !isIt(device)) } : child,
  )
  return { ...definition, children }
}
