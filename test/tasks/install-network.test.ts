import { describe, expect, test } from 'bun:test'
import type { Workload } from '../../lib/distribution/edge-guard.ts'
import type { Rule } from '../../lib/host/scripted.ts'
import installNetwork from '../../tasks/install-network.ts'
import { asksForNodes, listJson, nodeJson, nodeLines } from '../distribution/kubectl-answers.ts'
import { failureOf, sceneOn } from './context.ts'

const set = (name: string, namespace: string): Workload => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name, namespace },
  spec: { template: { spec: { nodeSelector: { 'kubernetes.io/os': 'linux' } } } },
})

/** A cluster that kubeadm has just made: kube-proxy goes everywhere, and the node waits for its pod network. */
function cluster(more: Rule[] = []) {
  const daemonSets = new Map<string, Workload>([['kube-proxy', set('kube-proxy', 'kube-system')]])
  const applied: { kind: string; metadata: { name: string } }[] = []
  let ready: 'True' | 'False' = 'False'
  const node = () => nodeJson({ name: 'master', ready, message: 'cni plugin not initialized' })
  const scene = sceneOn('master', {
    onSleep: () => {
      if (applied.length > 0) ready = 'True'
    },
    rules: {
      master: [
        ...more,
        [/grep -Eq '\^nameserver/, ''],
        [/get daemonsets,deployments --all-namespaces /, () => listJson([...daemonSets.values()])],
        [/get node master /, () => node()],
        [asksForNodes, () => nodeLines(node())],
        [
          / apply -f -$/,
          ({ input }) => {
            for (const object of JSON.parse(input).items) {
              applied.push(object)
              if (object.kind === 'DaemonSet') daemonSets.set(object.metadata.name, object)
            }
            return ''
          },
        ],
        [
          / patch daemonset (\S+) /,
          ({ command }) => {
            const [, name = '', patch = ''] = / patch daemonset (\S+) --type=merge -p '(.*)'$/.exec(command) ?? []
            const found = daemonSets.get(name) as Workload
            const { affinity } = JSON.parse(patch).spec.template.spec
            daemonSets.set(name, { ...found, spec: { template: { spec: { ...found.spec.template.spec, affinity } } } })
            return `daemonset.apps/${name} patched\n`
          },
        ],
      ],
    },
  })
  const changes = () =>
    scene.steps
      .filter((step) => !/ get |\^nameserver/.test(step))
      .map((step) => step.split(' -p ')[0]?.replace(/kubectl --kubeconfig=\S+/, 'kubectl'))
  return {
    ...scene,
    applied,
    changes,
    add: (daemonSet: Workload) => daemonSets.set(daemonSet.metadata.name, daemonSet),
  }
}

describe('check', () => {
  test('a new cluster: kube-proxy would land on edges', async () =>
    expect(await installNetwork.check(cluster().ctx)).toEqual({
      done: false,
      why: 'would land on edges: kube-system/kube-proxy',
    }))

  test("half-made: all guarded, the node not Ready yet, in the cluster's own words", async () => {
    const { ctx } = cluster([[/get daemonsets/, listJson([])]])
    expect(await installNetwork.check(ctx)).toEqual({
      done: false,
      why: 'node master is not Ready: cni plugin not initialized',
    })
  })

  test('an upgrade of kubeadm takes the guard of kube-proxy away again, and that is noticed', async () => {
    const { ctx, add } = cluster()
    await installNetwork.run(ctx)
    expect(await installNetwork.check(ctx)).toEqual({ done: true })
    add(set('kube-proxy', 'kube-system'))
    expect(await installNetwork.check(ctx)).toEqual({ done: false, why: 'would land on edges: kube-system/kube-proxy' })
  })
})

describe('run', () => {
  test('applies the network guarded already, guards the rest, waits for Ready', async () => {
    const { ctx, changes, applied, sleeps } = cluster()
    await installNetwork.run(ctx)
    expect(changes()).toEqual([
      'master$ kubectl apply -f -',
      'master$ kubectl -n kube-system patch daemonset kube-proxy --type=merge',
    ])
    expect(applied.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
      'Namespace/kube-flannel',
      'ConfigMap/kube-flannel-cfg',
      'ConfigMap/unrelated',
      'DaemonSet/kube-flannel-ds',
    ])
    expect(sleeps).toEqual([0.5])
    expect(await installNetwork.check(ctx)).toEqual({ done: true })
  })

  test('after a run that was cut off it applies once more and patches nothing twice', async () => {
    const { ctx, changes } = cluster()
    await installNetwork.run(ctx)
    const before = changes().length
    await installNetwork.run(ctx)
    expect(changes().slice(before)).toEqual(['master$ kubectl apply -f -'])
  })

  test('what the API server refuses fails the task', async () => {
    const { ctx } = cluster([[/ apply /, { stderr: 'error: unable to recognize "STDIN"\n', exitCode: 1 }]])
    expect(await failureOf(installNetwork.run(ctx))).toMatch(
      /^command: “kubectl .* apply -f -” ended with exit code 1$/,
    )
  })
})
