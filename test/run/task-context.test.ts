import { expect, test } from 'bun:test'
import { type ScriptedConnection, scriptedConnection } from '../../lib/host/scripted.ts'
import { createVault } from '../../lib/host/secret.ts'
import type { Instance } from '../../lib/plan/plan.ts'
import { contextMaker } from '../../lib/run/task-context.ts'
import type { InstanceBinding } from '../../lib/run/world.ts'
import { hypervisorNode, type Topology } from '../../lib/topology/topology.ts'

/** A context on the hypervisor of an empty lab. */
function contextOn(host: ScriptedConnection, binding: Partial<InstanceBinding> = {}) {
  const make = contextMaker({
    topology: { folder: '/', nodes: [], tasks: [] } as unknown as Topology,
    connection: () => host,
    bundle: () => {
      throw new Error('no bundle')
    },
    secret: createVault().secret,
    stateFolder: '/nonexistent',
    sleep: async () => {},
  })
  return make({ task: 'any', node: 'hypervisor' } as Instance, {
    signal: new AbortController().signal,
    fields: {} as never,
    onOutput: () => {},
    ...binding,
  })
}

test('a note shows no secret that a program put into what it printed', () => {
  const notes: string[] = []
  const ctx = contextOn(scriptedConnection(), { onOutput: (_, line) => notes.push(line) })
  const token = crypto.randomUUID()
  ctx.secret(token)
  ctx.say(`token ${token} is not valid`)
  expect(notes).toEqual(['token *** is not valid'])
})

test('after a stop nothing runs any more but what takes things back', async () => {
  const host = scriptedConnection({ rules: [[/^(make|remove)$/, '']] })
  const stop = new AbortController()
  const ctx = contextOn(host, { signal: stop.signal })

  const early = ctx.afterwards(hypervisorNode)
  await ctx.$`make`
  stop.abort()
  expect(await ctx.$`make`.then(String, () => 'refused')).toBe('refused')
  await early.$`remove`
  await ctx.afterwards(hypervisorNode).$`remove`
  expect(host.commands).toEqual(['make', 'remove', 'remove'])
})
