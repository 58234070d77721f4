import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../../lib/host/host.ts'
import { scriptedConnection } from '../../lib/host/scripted.ts'
import { destroyLab } from '../../lib/machine/destroy-lab.ts'
import { takeInventory } from '../../lib/machine/libvirt-inventory.ts'
import { machineKeys } from '../../lib/machine/machine-keys.ts'
import { bridgeName, macAddress } from '../../lib/machine/names.ts'
import { createNetworks } from '../../lib/machine/networks.ts'
import { proveGone } from '../../lib/machine/prove-gone.ts'
import { removeMachine } from '../../lib/machine/remove-machine.ts'
import { createMachine } from '../../lib/machine/virtual-machine.ts'
import { parseXml, type XmlElement } from '../../lib/machine/xml.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { failureOf } from '../host/failure-of.ts'
import { fakeGuest, fakeLibvirt } from './fake-libvirt.ts'
import { lab, nodeOf } from './lab-for-tests.ts'
import { filesOf, scriptedContext, stateFolder } from './scripted-context.ts'
import { sharedBase, twoLabs } from './two-labs.ts'

// Each kill is a whole creation and a whole removal.
setDefaultTimeout(300_000)

const empty = { content: Buffer.from('x'), mode: 0o644 }

/** What `kedge destroy` does between its question and its last line. */
async function destroy(host: Host, topology: Topology, state: string) {
  const inventory = await takeInventory(host, topology)
  const kept = await destroyLab(host, topology, state, inventory)
  return { kept, ...(await proveGone(host, topology, inventory)) }
}

const parsed = (text: string): XmlElement => parseXml(text)[0] as XmlElement

test('takes this lab whole and nothing else, and is content with nothing', async () => {
  const { fake, host, other } = await twoLabs()
  const state = stateFolder()
  machineKeys(state, 'edge-1')
  fake.files.set('/srv/kedge/paper/incoming/image', empty)
  fake.files.set('/srv/kedge/paper/edge-1.console.log.0', empty)
  const shrunk = { ...lab, nodes: [nodeOf(lab, 'master')], networks: lab.networks.slice(0, 2) }
  for (let time = 0; time < 2; time++) {
    const { kept, left } = await destroy(host, shrunk, state)
    expect(left).toEqual([])
    expect(kept).toEqual([{ path: sharedBase, why: 'lab paper-2 uses it' }])
    expect([...fake.domains.keys()].filter((name) => !name.startsWith('paper-2-'))).toEqual(['paper-of-mine'])
  }
  expect(existsSync(join(state, 'keys/edge-1.host'))).toBe(false)
  expect((await takeInventory(host, other)).machines.length).toBe(4)
  expect([...fake.networks.keys()].every((name) => name.startsWith('paper-2-'))).toBe(true)
  expect(fake.networks.size).toBe(4)
  expect([...fake.files.keys()].every((path) => path === sharedBase || path.startsWith('/srv/kedge/paper-2/'))).toBe(
    true,
  )
  expect(await destroy(host, other, state)).toMatchObject({ kept: [], left: [] })
  expect([...fake.files.keys()]).toEqual([])
})

test('killed at any command of the making, then destroyed: nothing is left', async () => {
  const make = async (dieAt?: number) => {
    const fake = fakeLibvirt()
    const hypervisor = scriptedConnection({ name: 'hypervisor', rules: fake.rules })
    fake.files = filesOf(hypervisor)
    const state = stateFolder()
    const addresses = new Map(
      nodeOf(lab, 'edge-1').networks.map(({ network, address, prefixLength }) => [
        macAddress('paper', 'edge-1', network),
        `${address}/${prefixLength}`,
      ]),
    )
    const guest = fakeGuest(fake, 'paper-edge-1', addresses)
    const { ctx } = scriptedContext(lab, 'edge-1', { hypervisor, guest }, state)
    if (dieAt !== undefined) fake.dieAt = dieAt
    const making = (async () => {
      await createNetworks(ctx.hypervisor, lab)
      await createMachine(ctx)
    })()
    const error = await making.catch((reason) => reason)
    delete fake.dieAt
    return { fake, host: ctx.hypervisor, state, error }
  }
  const undisturbed = await make()
  expect(undisturbed.error).toBeUndefined()
  const commands = undisturbed.fake.commandCount
  expect(commands).toBeGreaterThan(20)
  for (let number = 1; number <= commands; number++) {
    const { fake, host, state } = await make(number)
    const { left, kept } = await destroy(host, lab, state)
    const there = { domains: fake.domains.size, networks: fake.networks.size, files: [...fake.files.keys()] }
    expect({ number, left, kept, ...there }).toEqual({ number, left: [], kept: [], domains: 0, networks: 0, files: [] })
  }
})

test('a removal that was killed at any of its commands goes on, and ends the same', async () => {
  let hasDied = true
  let number = 0
  while (hasDied) {
    const { fake, host, other } = await twoLabs()
    const state = stateFolder()
    fake.dieAt = fake.commandCount + ++number
    hasDied = (await destroy(host, lab, state).catch((error) => error)) instanceof Error
    delete fake.dieAt
    expect((await destroy(host, lab, state)).left).toEqual([])
    expect((await takeInventory(host, other)).machines.length).toBe(4)
    expect([...fake.files.keys()].filter((path) => path.startsWith('/srv/kedge/paper/'))).toEqual([])
  }
  expect(number).toBeGreaterThan(20)
})

test('VMs in any state, with snapshots, saved state and firmware variables, transient and renamed ones', async () => {
  const { fake, host } = await twoLabs()
  const change = (name: string, fields: object) => Object.assign(fake.domains.get(name) as object, fields)
  change('paper-master', { state: 'paused', keeps: ['managed-save', 'snapshots-metadata', 'nvram'] })
  change('paper-worker', { state: 'in shutdown', isTransient: true })
  change('paper-edge-1', { state: 'crashed', keeps: ['checkpoints-metadata'] })
  for (const path of ['master.snap1', 'master.qcow2.new', 'edge-1.memory'])
    fake.files.set(`/srv/kedge/paper/${path}`, empty)
  expect((await destroy(host, lab, stateFolder())).left).toEqual([])
  expect([...fake.domains.keys()].filter((name) => !name.startsWith('paper-2-'))).toEqual(['paper-of-mine'])
  expect([...fake.files.keys()].filter((path) => path.startsWith('/srv/kedge/paper/'))).toEqual([])
})

test('what bears the lab’s names and is not kedge’s stays as it was', async () => {
  const { fake, host } = await twoLabs()
  const domain = { definition: parsed('<domain><name>paper-edge-1</name></domain>'), state: 'running' }
  const network = {
    definition: parsed('<network><name>paper-cloud</name></network>'),
    isActive: true,
    isAutostarted: true,
  }
  fake.domains.set('paper-edge-1', domain)
  fake.networks.set('paper-cloud', network)
  for (const path of ['/srv/kedge/paper/notes.txt', '/srv/kedge/paper/data.qcow2', '/srv/kedge/paper.qcow2'])
    fake.files.set(path, empty)
  expect((await destroy(host, lab, stateFolder())).left).toEqual([])
  expect(fake.domains.get('paper-edge-1')).toEqual({ ...domain })
  expect(fake.networks.get('paper-cloud')).toEqual({ ...network })
  const kept = [...fake.files.keys()].filter((path) => !path.startsWith('/srv/kedge/paper-2/')).sort()
  expect(kept).toEqual([
    sharedBase,
    '/srv/kedge/paper.qcow2',
    '/srv/kedge/paper/data.qcow2',
    '/srv/kedge/paper/notes.txt',
  ])
})

test('somebody else’s VM on a disk or a network of the lab: refused before anything is removed', async () => {
  for (const device of [
    "<disk><source file='/srv/kedge/paper/edge-1.qcow2'/></disk>",
    "<interface><source network='paper-cloud'/></interface>",
  ]) {
    const { fake, host } = await twoLabs()
    const definition = parsed(`<domain><name>clone</name><devices>${device}</devices></domain>`)
    fake.domains.set('clone', { definition, state: 'shut off' })
    const before = [...fake.domains.keys(), ...fake.networks.keys(), ...fake.files.keys()]
    const failure = await failureOf(destroy(host, lab, stateFolder()))
    expect(failure.kind).toBe('refused')
    expect(failure.message).toContain('clone')
    expect([...fake.domains.keys(), ...fake.networks.keys(), ...fake.files.keys()]).toEqual(before)
  }
})

test('a base image stays while a VM of anyone uses it, and while a disk cannot be read or is still to come', async () => {
  for (const [change, why] of [
    [
      (fake: Awaited<ReturnType<typeof twoLabs>>['fake']) => {
        const definition = parsed(
          `<domain><name>mine</name><devices><disk><source file='${sharedBase}'/></disk></devices></domain>`,
        )
        fake.domains.set('mine', { definition, state: 'shut off' })
      },
      'VM mine uses it',
    ],
    [
      (fake) => fake.files.set('/srv/kedge/third/a.qcow2', { ...empty, content: Buffer.from('unreadable') }),
      'a disk of third cannot be read',
    ],
    [(fake) => fake.files.set('/srv/kedge/third/incoming/image', empty), 'third has no disks yet'],
  ] as const satisfies [(fake: Awaited<ReturnType<typeof twoLabs>>['fake']) => unknown, string][]) {
    const { fake, host, other } = await twoLabs()
    await destroy(host, other, stateFolder())
    change(fake)
    expect((await destroy(host, lab, stateFolder())).kept).toEqual([{ path: sharedBase, why }])
    expect(fake.files.has(sharedBase)).toBe(true)
  }
})

test('the proof names what is left: in libvirt, in the folder, among links and neighbours', async () => {
  const { fake, host } = await twoLabs()
  const before = await takeInventory(host, lab)
  const bridge = bridgeName('paper', 'management')
  fake.domains.delete('paper-worker')
  fake.links += ` ${bridge}: 0 0\n${bridgeName('paper-2', 'management')}: 0 0\n`
  fake.neighbours = `192.168.22.21    0x1  0x2  52:54:00:00:00:01     *        ${bridge}\n10.0.0.1 0x1 0x2 52:54:00:00:00:02 * eth0\n`
  const { left, looked } = await proveGone(host, lab, before)
  expect(left).toHaveLength(3 + 4 + 4 + 2)
  expect(left).toContain('domain paper-master')
  expect(left).toContain('network paper-cloud')
  expect(left).toContain('file /srv/kedge/paper/edge-1.qcow2')
  expect(left).toContain(`link ${bridge}`)
  expect(left).toContain(`neighbour 192.168.22.21 on ${bridge}`)
  expect(looked).toHaveLength(4)
})

test('one node: its VM, whatever it is called now, its files, and no neighbour’s of a longer name', async () => {
  const { fake, host } = await twoLabs()
  fake.files.set('/srv/kedge/paper/edge-1.snap1', empty)
  fake.files.set('/srv/kedge/paper/edge-10.qcow2', empty)
  const state = stateFolder()
  for (let time = 0; time < 2; time++) {
    await removeMachine(host, lab, 'edge-1', state)
    expect(fake.domains.has('paper-edge-1')).toBe(false)
    expect(fake.domains.size).toBe(8)
    expect(fake.networks.size).toBe(8)
    const own = [...fake.files.keys()].filter((path) => path.startsWith('/srv/kedge/paper/edge-1'))
    expect(own).toEqual(['/srv/kedge/paper/edge-10.qcow2'])
  }
})
