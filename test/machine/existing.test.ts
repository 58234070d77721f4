import { expect, test } from 'bun:test'
import { TaskError } from '../../lib/event/failure.ts'
import type { Answer } from '../../lib/host/scripted.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { machineOf } from '../../lib/machine/machine.ts'
import { hypervisorNode, type Machine } from '../../lib/topology/topology.ts'
import { nodeOf, withNode } from './lab-for-tests.ts'
import { scriptedContext } from './scripted-context.ts'

const machine: Machine = { kind: 'existing', ssh: { host: '10.0.0.7', port: 2222, user: 'pi' } }
const topology = withNode('edge-1', { machine })
const kind = machineOf(nodeOf(topology, 'edge-1'))

const context = (id: Answer) => scriptedContext(topology, 'edge-1', { guest: [['id -u', id]] }).ctx

test('a machine where commands run as root is done, and creating it is nothing', async () => {
  expect(await kind.check(context('0\n'))).toEqual({ done: true })
  await kind.create(context('0\n'))
  await kind.destroy(context('0\n'))
})

test('one without root or without an answer is pending, and fails at once with what to do', async () => {
  const unreachable: Answer = { error: new TaskError({ kind: 'unreachable', message: 'pi@10.0.0.7:2222: no route' }) }
  const cases = [
    ['1000\n', 'refused', 'edge-1: commands run as user 1000, not as root', /sudo without a password/],
    [unreachable, 'unreachable', 'edge-1 cannot be used: pi@10.0.0.7:2222: no route', /ssh -p 2222 pi@10\.0\.0\.7/],
  ] as const
  for (const [id, kindOfFailure, message, cure] of cases) {
    expect(await kind.check(context(id))).toEqual({ done: false, why: message })
    const failure = toFailure(await kind.create(context(id)).catch((error) => error))
    expect(failure).toMatchObject({ kind: kindOfFailure, isFinal: true, message, cure: expect.stringMatching(cure) })
  }
})

test('the hypervisor is there when libvirt answers', async () => {
  const ask = (answer: Answer) =>
    machineOf(hypervisorNode).check(
      scriptedContext(topology, 'edge-1', { hypervisor: [[/virsh .* version$/, answer]] }).ctx,
    )
  expect(await ask('Using library: libvirt 9.0.0')).toEqual({ done: true })
  const refusal = { stderr: 'error: failed to connect\nerror: No such file\n', exitCode: 1 }
  expect(await ask(refusal)).toEqual({ done: false, why: 'libvirt does not answer: error: No such file' })
})
