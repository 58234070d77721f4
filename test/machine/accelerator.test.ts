import { expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { localConnection } from '../../lib/host/local.ts'
import { type Rule, scriptedConnection } from '../../lib/host/scripted.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { probeAccelerator } from '../../lib/machine/accelerator.ts'
import { marker, probeDisk } from '../../lib/machine/kvm-probe.ts'
import type { Accelerator } from '../../lib/topology/topology.ts'
import { hostOf, stateFolder } from './scripted-context.ts'

const capabilities: Rule = [/domcapabilities/, '<domainCapabilities><path>/usr/bin/qemu</path></domainCapabilities>']
const boot = (id: string): Rule => [/boot_id/, `${id}\nQEMU emulator version 7.2\n/dev/kvm a:e8 660 0:104\n`]
const ran: Rule = [/timeout/, `ended 0\n${marker}\n`]
const hung: Rule = [/timeout/, 'ended 124\n']
const aborted: Rule = [/timeout/, 'ended 134\nqemu: error: failed to set MSR 0x10a to 0x69\n']

function ask(
  rules: readonly Rule[],
  wanted: Accelerator = 'auto',
  state = stateFolder(),
  architecture = 'x86_64' as const,
) {
  const connection = scriptedConnection({ rules })
  const question = {
    uri: 'qemu:///system',
    wanted,
    architecture,
    stateFolder: state,
    signal: new AbortController().signal,
  }
  const verdict = probeAccelerator(hostOf(connection), question)
  return { verdict, commands: connection.commands }
}

test('KVM where a 64-bit program ran, emulation where it hung or QEMU gave up', async () => {
  expect(await ask([capabilities, boot('a'), ran]).verdict).toEqual({
    accelerator: 'kvm',
    why: 'a 64-bit program ran under KVM',
  })
  expect((await ask([capabilities, boot('a'), hung]).verdict).why).toBe(
    'a 64-bit program under KVM wrote nothing for 10 seconds',
  )
  expect(await ask([capabilities, boot('a'), aborted]).verdict).toEqual({
    accelerator: 'tcg',
    why: 'a 64-bit program under KVM ended at once (qemu: error: failed to set MSR 0x10a to 0x69)',
  })
})

test('libvirt without KVM is not asked further, a file that wants emulation not at all', async () => {
  const without = ask([boot('a'), [/domcapabilities/, { stderr: 'error: KVM is not supported', exitCode: 1 }]])
  expect((await without.verdict).accelerator).toBe('tcg')
  const emulated = ask([], 'tcg')
  expect((await emulated.verdict).accelerator).toBe('tcg')
  expect(emulated.commands).toEqual([])
})

test('a libvirt that does not answer has not said that there is no KVM', async () => {
  const state = stateFolder()
  const stderr = 'error: failed to connect to the hypervisor\nerror: Failed to connect socket: No such file'
  const silent = ask([boot('a'), [/domcapabilities/, { stderr, exitCode: 1 }]], 'auto', state)
  const failure = await silent.verdict.then(() => undefined, toFailure)
  expect(failure?.message).toContain('libvirt does not answer')
  expect((await ask([capabilities, boot('a'), ran], 'auto', state).verdict).accelerator).toBe('kvm')
})

test('the answer is remembered until the hypervisor boots anew, and asked for once by many', async () => {
  const state = stateFolder()
  const connection = scriptedConnection({ rules: [capabilities, boot('a'), ran] })
  const question = {
    uri: 'u',
    wanted: 'auto',
    architecture: 'x86_64',
    stateFolder: state,
    signal: new AbortController().signal,
  } as const
  await Promise.all([1, 2, 3, 4].map(() => probeAccelerator(hostOf(connection), question)))
  expect(connection.commands.filter((command) => command.includes('timeout')).length).toBe(1)
  expect(connection.commands.filter((command) => command.includes('domcapabilities')).length).toBe(1)
  const later = ask([capabilities, boot('b'), hung], 'auto', state)
  expect((await later.verdict).accelerator).toBe('tcg')
  expect(later.commands.some((command) => command.includes('timeout'))).toBe(true)
})

test('a memory that is damaged is asked anew', async () => {
  const state = stateFolder()
  await Bun.write(join(state, 'accelerator.json'), '{"key": ')
  expect((await ask([capabilities, boot('a'), ran], 'auto', state).verdict).accelerator).toBe('kvm')
  rmSync(state, { recursive: true })
})

test('a file that insists on KVM is refused where there is none', async () => {
  const { verdict } = ask([capabilities, boot('a'), hung], 'kvm')
  expect(toFailure(await verdict.catch((error) => error))).toMatchObject({
    kind: 'refused',
    message: 'hypervisor.accelerator is kvm, but a 64-bit program under KVM wrote nothing for 10 seconds',
  })
})

const qemu = Bun.which('qemu-system-x86_64')

test.skipIf(!qemu)(
  'the boot sector runs: QEMU’s own emulation prints the marker and ends by itself',
  async () => {
    const host = hostOf(localConnection())
    const { stdout } = await host.$({ input: Buffer.from(probeDisk()) })`
    folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cat > "$folder/disk"
    timeout -k 1 50 ${qemu} -machine q35,accel=tcg -cpu max -m 32 -nodefaults -display none -no-reboot \
      -serial stdio -drive file="$folder/disk",format=raw,if=virtio,readonly=on`
    expect(stdout).toContain(marker)
  },
  60_000,
)
