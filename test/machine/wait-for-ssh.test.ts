import { expect, test } from 'bun:test'
import { TaskError } from '../../lib/event/failure.ts'
import type { Answer, Rule } from '../../lib/host/scripted.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { virshOn } from '../../lib/machine/libvirt.ts'
import { waitForSsh } from '../../lib/machine/wait-for-ssh.ts'
import { lab } from './lab-for-tests.ts'
import { scriptedContext } from './scripted-context.ts'

const nobody: Answer = {
  error: new TaskError({ kind: 'unreachable', message: 'root@192.168.22.21:22: nothing listens' }),
}
const noErrors = '{"v1": {"datasource": "NoCloud", "errors": []}}'

const domain = (state: string): Rule => [/dumpxml/, `<domain><name>paper-edge-1</name></domain>\n\n${state}\n`]
const console = (text: string): Rule => [/^tail -c/, text]

async function wait(hypervisor: readonly Rule[], guest: readonly Rule[]) {
  const scripted = scriptedContext(lab, 'edge-1', { hypervisor, guest })
  const started = {
    virsh: virshOn(scripted.ctx.hypervisor, 'qemu:///system'),
    domain: 'paper-edge-1',
    console: '/srv/c.log',
  }
  const failure = await waitForSsh(scripted.ctx, started).then(() => undefined, toFailure)
  return { ...scripted, failure }
}

test('waits while nobody answers, then for cloud-init', async () => {
  const { failure, guest, slept, said } = await wait(
    [domain('running'), console('Starting\r\n')],
    [
      ['true', [...Array(7).fill(nobody), '']],
      [/result\.json/, noErrors],
    ],
  )
  expect(failure).toBeUndefined()
  expect(guest.commands.filter((command) => command === 'true').length).toBe(8)
  expect(slept()).toBe(7)
  expect(said.at(-1)).toMatch(/^ready after \d+ s$/)
  // What is ready outlives a loss of power.
  expect(guest.commands.at(-1)).toMatch(/\bsync\n/)
})

test('an image without cloud-init is ready when SSH answers', async () => {
  expect(
    (
      await wait(
        [],
        [
          ['true', ''],
          [/result\.json/, ''],
        ],
      )
    ).failure,
  ).toBeUndefined()
})

test('a VM that stopped ends the wait with its console’s last lines', async () => {
  const { failure, slept } = await wait(
    [domain('shut off'), console('\u001b[0;32mOK\u001b[0m one\r\n\r\ntwo\r\n')],
    [['true', nobody]],
  )
  expect(failure).toEqual({
    kind: 'command',
    message: 'paper-edge-1 is shut off instead of starting',
    lastLines: ['OK one', 'two'],
  })
  expect(slept()).toBe(0)
})

test('a VM that is paused since its disk finds no room: the cause, and what helps', async () => {
  const errors: Rule = [/domblkerror paper-edge-1/, 'vda: no space\n']
  const { failure } = await wait([domain('paused'), console('x\n'), errors], [['true', nobody]])
  expect(failure).toMatchObject({
    kind: 'command',
    message: 'paper-edge-1 is paused: its disk vda: no space',
    cause: 'the disk of the hypervisor that holds the VMs is full',
    cure: expect.stringContaining('df -h'),
  })
})

test('a panic and a disk that does not boot are told apart', async () => {
  const panic = await wait(
    [domain('running'), console('x\n[ 1.2] Kernel panic - not syncing: VFS\n')],
    [['true', nobody]],
  )
  expect(panic.failure?.message).toBe('paper-edge-1 cannot boot: [ 1.2] Kernel panic - not syncing: VFS')
  expect(panic.failure?.cause).toBeUndefined()
  const boot = await wait([domain('running'), console('SeaBIOS\nNo bootable device.\n')], [['true', nobody]])
  expect(boot.failure?.cause).toBe('the image does not boot from its disk by BIOS')
})

test('what waiting cannot cure is not waited for: a wrong host key', async () => {
  const wrong: Answer = { error: new TaskError({ kind: 'untrusted', message: 'another host key' }) }
  const { failure, slept } = await wait([], [['true', wrong]])
  expect(failure).toMatchObject({ kind: 'untrusted', message: 'another host key' })
  expect(slept()).toBe(0)
})

test('cloud-init’s failure is one, with its log; a service that failed too', async () => {
  const log: Rule = ['tail -n 20 /var/log/cloud-init-output.log', 'line one\nline two\n']
  const errors = await wait(
    [],
    [['true', ''], [/result\.json/, '{"v1": {"errors": ["(\'ssh\', no such file)"]}}'], log],
  )
  expect(errors.failure).toMatchObject({
    kind: 'command',
    message: "cloud-init failed: ('ssh', no such file)",
    lastLines: ['line one', 'line two'],
  })
  const service = await wait([], [['true', ''], [/result\.json/, 'a cloud-init service has failed\n'], log])
  expect(service.failure?.message).toBe('cloud-init failed: a cloud-init service has failed')
})
