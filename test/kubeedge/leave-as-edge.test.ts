import { expect, test } from 'bun:test'
import { leaveAsEdge } from '../../lib/kubeedge/reset-edge.ts'
import { failureOf } from '../tasks/context.ts'
import { edgecoreYaml, fakeEdge } from '../tasks/fake-edge.ts'

const joined = { service: 'active', certificates: true, leftovers: true, node: 'ready', token: false } as const
const last: readonly [RegExp, string] = [/^rm -f .*edge-token .*10-kedge\.conflist$/, '']

test('an edge that leaves runs no edgecore and keeps no certificate; the cluster is not asked', async () => {
  const { ctx, steps } = fakeEdge(joined, {}, [last])
  await leaveAsEdge(ctx)
  const asked = steps.map((step) => step.replace(/^(\S+\$ \S+ \S+)[\s\S]*/, '$1'))
  expect(asked).toEqual(['edge-1$ ls -A', 'edge-1$ keadm reset', 'edge-1$ systemctl disable', 'edge-1$ rm -f'])
})

test('one that never joined is not reset', async () => {
  const { ctx, steps } = fakeEdge({ ...joined, service: 'inactive', certificates: false, leftovers: false }, {}, [last])
  await leaveAsEdge(ctx)
  expect(steps.join()).not.toContain('reset')
})

test('one that has joined another CloudCore is refused untouched', async () => {
  const yaml = edgecoreYaml.replaceAll('192.168.24.1:', '10.9.8.7:')
  const { ctx, steps } = fakeEdge(joined, {}, [last], { yaml })
  expect(await failureOf(leaveAsEdge(ctx))).toStartWith(
    "refused: edge-1 has joined CloudCore at https://10.9.8.7:10002, and this lab's is at 192.168.24.1",
  )
  expect(steps).toEqual([])
})
