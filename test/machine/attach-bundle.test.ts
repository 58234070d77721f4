import { expect, test } from 'bun:test'
import { TaskError } from '../../lib/event/failure.ts'
import { scriptedConnection } from '../../lib/host/scripted.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { attachBundle } from '../../lib/machine/attach-bundle.ts'
import { detachBundle } from '../../lib/machine/detach-bundle.ts'
import { domainXml } from '../../lib/machine/domain-xml.ts'
import { machineFiles } from '../../lib/machine/storage.ts'
import { find, findAll, parseXml, type XmlElement } from '../../lib/machine/xml.ts'
import { fakeLibvirt } from './fake-libvirt.ts'
import { lab, nodeOf } from './lab-for-tests.ts'
import { filesOf, hostOf, scriptedContext } from './scripted-context.ts'

const machine = { kind: 'vm', image: 'base', cpus: 2, memoryMiB: 4096, diskGiB: 20 } as const
const image = '/srv/kedge/paper/bundle-0123456789abcdef.img'

/** A hypervisor with the lab's VMs running, each with the bundle's disk. */
function bench() {
  const fake = fakeLibvirt()
  const hypervisor = scriptedConnection({ name: 'hypervisor', rules: fake.rules })
  fake.files = filesOf(hypervisor)
  fake.files.set(image, { content: Buffer.from('pieces'), mode: 0o444 })
  fake.files.set('/srv/kedge/paper/edge-1.qcow2', { content: Buffer.from('disk'), mode: 0o600 })
  for (const node of lab.nodes) {
    const files = machineFiles(lab, node.name)
    const spec = { lab: 'paper', node, machine, files, accelerator: 'tcg', architecture: 'x86_64' } as const
    const [definition] = parseXml(domainXml({ ...spec, bundleDisk: { path: image } }))
    fake.domains.set(`paper-${node.name}`, { definition: definition as XmlElement, state: 'running' })
  }
  const guests = new Map(
    lab.nodes.map(({ name }) => [name, scriptedConnection({ name, rules: [[/mountpoint/, '']] })] as const),
  )
  const bundleIn = (node: string) => {
    const { definition } = fake.domains.get(`paper-${node}`) as { definition: XmlElement }
    const disks = findAll(definition, ['devices', 'disk'])
    return disks.find((disk) => find(disk, ['serial'])?.text === 'kedge-bundle')
  }
  const told: string[] = []
  const detach = (hostless = '') =>
    detachBundle(
      hostOf(hypervisor),
      lab,
      (node) => (node === hostless ? undefined : hostOf(guests.get(node) as never)),
      ({ node, had }) => told.push(`${node} ${had}`),
    )
  return { fake, hypervisor, guests, bundleIn, detach, told }
}

test('detach unmounts and removes the disk of every VM, running or not, and then what the lab has of the bundle', async () => {
  const { fake, guests, bundleIn, detach, told } = bench()
  ;(fake.domains.get('paper-edge-2') as { state: string }).state = 'shut off'
  await detach()
  expect(lab.nodes.map(({ name }) => bundleIn(name))).toEqual(lab.nodes.map(() => undefined))
  expect(guests.get('edge-1')?.commands).toEqual([
    'if mountpoint -q /run/kedge/bundle; then umount /run/kedge/bundle; fi',
  ])
  expect(guests.get('edge-2')?.commands).toEqual([])
  expect([...fake.files.keys()]).toEqual(['/srv/kedge/paper/edge-1.qcow2'])
  await detach()
  expect(told).toEqual([
    ...lab.nodes.map(({ name }) => `${name} true`),
    ...lab.nodes.map(({ name }) => `${name} false`),
  ])
})

test('a VM that does not answer, or is busy with it, keeps it; the others are freed, and the image stays', async () => {
  const { fake, guests, bundleIn, detach, told } = bench()
  const unreachable = { error: new TaskError({ kind: 'unreachable', message: 'edge-1 does not answer' }) }
  guests.set('edge-1', scriptedConnection({ name: 'edge-1', rules: [[/mountpoint/, unreachable]] }))
  const busy = { stderr: 'umount: /run/kedge/bundle: target is busy.', exitCode: 32 }
  guests.set('worker', scriptedConnection({ name: 'worker', rules: [[/mountpoint/, busy]] }))
  const failure = toFailure(await detach('edge-2').catch((error) => error))
  expect(failure.message).toContain('worker: ')
  expect(failure.message).toContain('edge-1 does not answer')
  expect(failure.message).toContain('edge-2 is not in the file any more')
  expect(told).toEqual(['master true'])
  expect(['worker', 'edge-1', 'edge-2'].every((node) => bundleIn(node) !== undefined)).toBe(true)
  expect(fake.files.has(image)).toBe(true)
})

test('a VM that had it detached gets it back, into the definition as well, once however many ask', async () => {
  const { hypervisor, bundleIn, detach } = bench()
  await detach()

  const { ctx, said } = scriptedContext(lab, 'edge-1', { hypervisor, guest: [[/^for look/, '']] })
  expect(await Promise.all([attachBundle(ctx), attachBundle(ctx), attachBundle(ctx)])).toEqual([true, true, true])
  expect(said.filter((text) => text.startsWith('attaching'))).toHaveLength(1)
  const attached = hypervisor.commands.filter((command) => command.includes('attach-device'))
  expect(attached).toHaveLength(1)
  expect(attached[0]).toEndWith('--live --config')
  expect(find(bundleIn('edge-1') as XmlElement, ['target'])?.attributes.dev).toBe('vdc')
  expect(bundleIn('worker')).toBeUndefined()
})

test('it takes a name that no disk of the VM has', async () => {
  const { fake, hypervisor, bundleIn, detach } = bench()
  await detach()
  const domain = fake.domains.get('paper-edge-1') as { definition: XmlElement }
  const [own] = parseXml("<disk type='file' device='disk'><target dev='vdc' bus='virtio'/></disk>")
  const children = domain.definition.children.map((child) =>
    child.name === 'devices' ? { ...child, children: [...child.children, own as XmlElement] } : child,
  )
  domain.definition = { ...domain.definition, children }
  const { ctx } = scriptedContext(lab, 'edge-1', { hypervisor, guest: [[/^for look/, '']] })
  await attachBundle(ctx)
  expect(find(bundleIn('edge-1') as XmlElement, ['target'])?.attributes.dev).toBe('vdd')
})

test('a machine that is no VM, and a bundle with nothing for nodes, mean sending', async () => {
  const { hypervisor, detach } = bench()
  await detach()
  const { ctx } = scriptedContext(lab, 'edge-1', { hypervisor, guest: [] })
  expect(await attachBundle({ ...ctx, assets: () => [] })).toBe(false)
  const ssh = { host: '10.0.0.7', port: 22, user: 'pi' }
  const node = { ...nodeOf(lab, 'edge-1'), machine: { kind: 'existing', ssh } as const }
  expect(await attachBundle({ ...ctx, node })).toBe(false)
})
