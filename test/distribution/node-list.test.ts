import { expect, test } from 'bun:test'
import { clusterOf, nodeAmongAll } from '../../lib/distribution/cluster.ts'
import { nodeListFormat, readNodeList } from '../../lib/distribution/node-list.ts'
import { sceneOn } from '../tasks/context.ts'
import { asksForNodes, nodeJson, nodeLines } from './kubectl-answers.ts'

/** As kubectl 1.28 prints it of a control plane, an edge with a mark, and a node that has not reported yet. */
const printed = [
  'master\t1c897b3f\t{"kubernetes.io/os":"linux","node-role.kubernetes.io/control-plane":""}\t\t10.244.0.0/24\t[{"effect":"NoSchedule","key":"node-role.kubernetes.io/control-plane"}]\t{"lastHeartbeatTime":"2026-11-22T16:15:58Z","lastTransitionTime":"2026-11-22T16:10:56Z","message":"kubelet is posting ready status","reason":"KubeletReady","status":"True","type":"Ready"}\tv1.28.0\t8002f5f8\t[{"address":"192.168.23.10","type":"InternalIP"},{"address":"master","type":"Hostname"}]',
  'edge-1\t6848a8db\t{"lab":"edge-1"}\t2026-11-22T16:11:28.550Z 6848a8db 3e7e1ae9 v1.30.7\t10.244.3.0/24\t\t{"message":"a tab \\t in it","status":"Unknown","type":"Ready"}\tv1.30.7-kubeedge-v1.21.2\tddac908a\t[{"address":"192.168.24.2","type":"InternalIP"}]',
  'new\t0ab1\t\t\t\t\t\t\t\t',
]

test('each line is a node, with what kubectl had to print of it', () => {
  const [master, edge, fresh, ...rest] = readNodeList(printed.map((line) => `${line}\n`).join(''))
  expect(rest).toEqual([])
  expect(master).toEqual({
    metadata: {
      name: 'master',
      uid: '1c897b3f',
      labels: { 'kubernetes.io/os': 'linux', 'node-role.kubernetes.io/control-plane': '' },
    },
    spec: {
      podCIDR: '10.244.0.0/24',
      taints: [{ effect: 'NoSchedule', key: 'node-role.kubernetes.io/control-plane' }],
    },
    status: {
      conditions: [
        expect.objectContaining({ type: 'Ready', status: 'True', message: 'kubelet is posting ready status' }),
      ],
      nodeInfo: { kubeletVersion: 'v1.28.0', machineID: '8002f5f8' },
      addresses: [
        { address: '192.168.23.10', type: 'InternalIP' },
        { address: 'master', type: 'Hostname' },
      ],
    },
  })
  expect(edge?.metadata.annotations).toEqual({
    'kedge.dev/smoke-passed': '2026-11-22T16:11:28.550Z 6848a8db 3e7e1ae9 v1.30.7',
  })
  expect(edge?.status?.conditions).toEqual([{ type: 'Ready', status: 'Unknown', message: 'a tab \t in it' }])
  expect(fresh).toEqual({
    metadata: { name: 'new', uid: '0ab1' },
    spec: {},
    status: { conditions: [], nodeInfo: {} },
  })
  expect(readNodeList('')).toEqual([])
})

test('the format names what is read, in that order', () => {
  expect(nodeListFormat.match(/\{\.[^}]*\}/g)).toHaveLength(printed[0]?.split('\t').length as number)
  expect(nodeListFormat).toContain('{.metadata.annotations.kedge\\.dev/smoke-passed}')
})

test('a check asks once for all nodes, in the words of every other check, and finds its own', async () => {
  const list = nodeLines(nodeJson({ name: 'master' }), nodeJson({ name: 'edge-1', uid: 'u' }))
  const { ctx, steps } = sceneOn('edge-1', { rules: { master: [[asksForNodes, list]] } })
  const ask = nodeAmongAll(ctx)
  expect((await ask())?.metadata.uid).toBe('u')
  expect(await ask()).toBe((await ask()) as never)
  expect(steps).toHaveLength(1)
  await clusterOf(ctx).nodes()
  expect(new Set(steps).size).toBe(1)
  const { ctx: other } = sceneOn('edge-2', { rules: { master: [[asksForNodes, list]] } })
  expect(await nodeAmongAll(other)()).toBeUndefined()
})
