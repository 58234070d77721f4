import { expect, test } from 'bun:test'
import { scriptedConnection } from '../../lib/host/scripted.ts'
import { createVault } from '../../lib/host/secret.ts'
import type { Instance } from '../../lib/plan/plan.ts'
import { contextMaker } from '../../lib/run/task-context.ts'
import { hypervisorNode, type Topology } from '../../lib/topology/topology.ts'

test('after a stop nothing runs any more but what takes things back', async () => {
  const host = scriptedConnection({ rules: [[/^(make|remove)$/, '']] })
  const stop = new AbortController()
  const ctx = contextMaker({
    topology: { folder: '/', nodes: [], tasks: [] } as unknown as Topology,
    connection: () => host,
    bundle: () => {
      throw new Error('no bundle')
    },
    secret: createVault().secret,
    stateFolder: '/nonexistent',
    sleep: async () => {},
  })({ task: 'any', node: 'hypervisor' } as Instance, { signal: stop.signal, fields: {} as never, onOutput: () => {} })

  const early = ctx.afterwards(hypervisorNode)
  await ctx.$`make`
  stop.abort()
  expect(await ctx.$`make`.then(String, () => 'refused')).toBe('refused')
  await early.$`remove`
  await ctx.afterwards(hypervisorNode).$`remove`
  expect(host.commands).toEqual(['make', 'remove', 'remove'])
})
