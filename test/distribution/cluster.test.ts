import { describe, expect, test } from 'bun:test'
import { clusterOf, whyNotReady } from '../../lib/distribution/cluster.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'
import { k3sOn, link } from './fake-k3s.ts'
import { edgeJson, nodeJson } from './kubectl-answers.ts'

const kubectl = 'kubectl --kubeconfig=/etc/kubernetes/admin.conf'

describe('the cluster', () => {
  test('is asked on the control plane, from whichever node the question comes', async () => {
    const { ctx, steps } = sceneOn('edge-1', { rules: { master: [[/get node edge-1/, edgeJson()]] } })
    expect(await clusterOf(ctx).get('node', 'edge-1')).toMatchObject({ spec: { podCIDR: '10.244.3.0/24' } })
    expect(steps).toEqual([`master$ ${kubectl} get node edge-1 -o json --ignore-not-found`])
  })

  test('has undefined for what is not there, and fails where it cannot be asked', async () => {
    const refused = { stderr: 'The connection to the server 192.168.23.10:6443 was refused\n', exitCode: 1 }
    const { ctx } = sceneOn('master', { rules: { master: [[/get node/, ['', refused]]] } })
    expect(await clusterOf(ctx).get('node', 'gone')).toBeUndefined()
    expect(await failureOf(clusterOf(ctx).get('node', 'gone'))).toMatch(/^command: .* exit code 1$/)
  })

  test('takes objects as one list, from stdin', async () => {
    const inputs: string[] = []
    const { ctx, steps } = sceneOn('master', {
      rules: { master: [[/apply/, ({ input }) => `${inputs.push(input)}`]] },
    })
    await clusterOf(ctx).apply([{ kind: 'Namespace' }, { kind: 'ConfigMap', data: { a: "it's" } }])
    expect(steps).toEqual([`master$ ${kubectl} apply -f -`])
    expect(inputs.map((input) => JSON.parse(input))).toEqual([
      { apiVersion: 'v1', kind: 'List', items: [{ kind: 'Namespace' }, { kind: 'ConfigMap', data: { a: "it's" } }] },
    ])
  })

  test('answers do not go to the log: they hold keys, and thousands of lines', async () => {
    const { ctx, log } = sceneOn('master', { rules: { master: [[/get node/, nodeJson({ name: 'master' })]] } })
    await clusterOf(ctx).get('node', 'master')
    expect(log.join('\n')).not.toContain('kubeletVersion')
  })
})

test.each([
  ['absent', undefined, 'node n is not in the cluster'],
  ['ready', JSON.parse(nodeJson({ name: 'n' })), undefined],
  [
    'without CNI',
    JSON.parse(nodeJson({ name: 'n', ready: 'False', message: 'cni plugin not initialized' })),
    'node n is not Ready: cni plugin not initialized',
  ],
  [
    'silent',
    JSON.parse(nodeJson({ name: 'n', ready: 'Unknown', message: 'Kubelet stopped posting node status.' })),
    'node n is not Ready: Kubelet stopped posting node status.',
  ],
  ['new', { metadata: { name: 'n' } }, 'node n is not Ready: it has not reported yet'],
])('a node that is %s', (_, node, why) => expect(whyNotReady(node, 'n')).toBe(why))

test('a K3s cluster is asked through the K3s program under the name of kubectl', async () => {
  const { ctx, steps } = k3sOn('master', { rules: [[/get nodes$/, '']] })
  await clusterOf(ctx).run('get', 'nodes')
  expect(steps).toEqual([`master$ ${link} --kubeconfig=/etc/rancher/k3s/k3s.yaml get nodes`])
})
