import { describe, expect, test } from 'bun:test'
import { clusterOf } from '../../lib/distribution/cluster.ts'
import {
  guarded,
  guardWorkloads,
  isGuarded,
  isMeantForEdges,
  nameOf,
  type Workload,
} from '../../lib/distribution/edge-guard.ts'
import { sceneOn } from '../tasks/context.ts'
import { listJson } from './kubectl-answers.ts'

type PodSpec = Workload['spec']['template']['spec']
type Terms = NonNullable<
  NonNullable<NonNullable<PodSpec['affinity']>['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>['nodeSelectorTerms']

const set = (pod: object, name = 'agent', namespace?: string): Workload => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name, ...(namespace ? { namespace } : {}) },
  spec: { template: { spec: pod as PodSpec } },
})
const withTerms = (...nodeSelectorTerms: Terms) =>
  set({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } })
const termsOf = (daemonSet: Workload) =>
  daemonSet.spec.template.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms

const linux = { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] }
const amd64 = { key: 'kubernetes.io/arch', operator: 'In', values: ['amd64'] }
const noEdge = { key: 'node-role.kubernetes.io/edge', operator: 'DoesNotExist' }
const onEdge = { key: 'node-role.kubernetes.io/edge', operator: 'Exists' }

describe('a DaemonSet kept off edges', () => {
  test('that had no conditions gets one', () => {
    expect(termsOf(guarded(set({ hostNetwork: true })))).toEqual([{ matchExpressions: [noEdge] }])
  })

  test("keeps flannel's own conditions in the same term: terms are ORed, a second one would let edges in", () => {
    expect(termsOf(guarded(withTerms({ matchExpressions: [linux, amd64] })))).toEqual([
      { matchExpressions: [linux, amd64, noEdge] },
    ])
  })

  test('gets the condition in each of several terms, also in one of fields alone', () => {
    const byName = { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] }
    expect(termsOf(guarded(withTerms({ matchExpressions: [linux] }, byName, {})))).toEqual([
      { matchExpressions: [linux, noEdge] },
      { ...byName, matchExpressions: [noEdge] },
      { matchExpressions: [noEdge] },
    ])
  })

  test('keeps everything else that it was', () => {
    const preferred = [{ weight: 1, preference: { matchExpressions: [amd64] } }]
    const podAntiAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [] }
    const pod = {
      containers: [{ name: 'a' }],
      affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred }, podAntiAffinity },
    }
    expect(guarded(set(pod, 'cni', 'kube-system'))).toEqual(
      set(
        {
          containers: [{ name: 'a' }],
          affinity: {
            nodeAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: preferred,
              requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [noEdge] }] },
            },
            podAntiAffinity,
          },
        } as object,
        'cni',
        'kube-system',
      ),
    )
  })

  test('is not changed a second time', () => {
    const once = guarded(withTerms({ matchExpressions: [linux] }, {}))
    expect(isGuarded(once)).toBe(true)
    expect(guarded(once)).toBe(once)
  })
})

describe('what counts as kept off', () => {
  test.each([
    ['no conditions', set({}), false],
    ['conditions about something else', withTerms({ matchExpressions: [linux] }), false],
    ['a guard in one of two terms', withTerms({ matchExpressions: [noEdge] }, { matchExpressions: [linux] }), false],
    ['a guard beside an empty term', withTerms({ matchExpressions: [noEdge] }, {}), false],
    ['a guard in each term', withTerms({ matchExpressions: [linux, noEdge] }, { matchExpressions: [noEdge] }), true],
    ['meant for edges, by affinity', withTerms({ matchExpressions: [onEdge] }), true],
    ['meant for edges, by selector', set({ nodeSelector: { 'node-role.kubernetes.io/edge': '' } }), true],
    ['a selector for Linux', set({ nodeSelector: { 'kubernetes.io/os': 'linux' } }), false],
    ['a list without terms', withTerms(), false],
  ])('%s', (_, daemonSet, verdict) => expect(isGuarded(daemonSet)).toBe(verdict))
})

const annotated = (value: string): Workload => ({
  ...set({}, 'mesh'),
  metadata: { name: 'mesh', annotations: { 'kedge.dev/edges': value } },
})

describe('what counts as meant for edges', () => {
  test.each([
    ['a selector for edges', set({ nodeSelector: { 'node-role.kubernetes.io/edge': '' } }), true],
    ['a term that asks for edges', withTerms({ matchExpressions: [linux, onEdge] }), true],
    [
      'one term for edges, one for the rest',
      withTerms({ matchExpressions: [onEdge] }, { matchExpressions: [noEdge] }),
      true,
    ],
    ['the annotation', annotated('allowed'), true],
    ['the annotation with another value', annotated('no'), false],
    [
      'a term for edges beside one about something else',
      withTerms({ matchExpressions: [onEdge] }, { matchExpressions: [linux] }),
      false,
    ],
    ['a term that contradicts itself', withTerms({ matchExpressions: [onEdge, noEdge] }), false],
    ['a guard', withTerms({ matchExpressions: [noEdge] }), false],
    ['no conditions', set({}), false],
  ])('%s', (_, daemonSet, verdict) => expect(isMeantForEdges(daemonSet)).toBe(verdict))
})

test.each([
  ['by affinity', withTerms({ matchExpressions: [onEdge] })],
  ['by annotation', annotated('allowed')],
])('one that is meant for edges %s stays as it is', (_, meant) => {
  expect(isGuarded(meant)).toBe(true)
  expect(guarded(meant)).toBe(meant)
})

test('in the cluster each unguarded one is patched, whole, in its namespace; the others are not touched', async () => {
  const proxy = set({ nodeSelector: { 'kubernetes.io/os': 'linux' } }, 'kube-proxy', 'kube-system')
  const flannel = {
    ...withTerms({ matchExpressions: [linux] }),
    metadata: { name: 'kube-flannel-ds', namespace: 'kube-flannel' },
  }
  const deployment = (name: string, namespace: string): Workload => ({
    ...set({}, name, namespace),
    kind: 'Deployment',
  })
  const list = listJson([
    deployment('coredns', 'kube-system'),
    deployment('coredns', 'mine'),
    proxy,
    guarded(set({}, 'done', 'x')),
    flannel,
    set({}, 'mine'),
  ])
  const { ctx, steps } = sceneOn('master', {
    rules: {
      master: [
        [/get daemonsets/, list],
        [/ patch /, 'patched\n'],
      ],
    },
  })
  await guardWorkloads(clusterOf(ctx))
  const patch = (...expressions: object[]) =>
    `'{"spec":{"template":{"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":${JSON.stringify(expressions)}}]}}}}}}}'`
  const kubectl = "master$ kubectl '--kubeconfig=/etc/kubernetes/admin.conf'".replaceAll("'", '')
  expect(steps).toEqual([
    `${kubectl} get daemonsets,deployments --all-namespaces -o json --ignore-not-found`,
    `${kubectl} -n kube-system patch deployment coredns --type=merge -p ${patch(noEdge)}`,
    `${kubectl} -n kube-system patch daemonset kube-proxy --type=merge -p ${patch(noEdge)}`,
    `${kubectl} -n kube-flannel patch daemonset kube-flannel-ds --type=merge -p ${patch(linux, noEdge)}`,
    `${kubectl} -n default patch daemonset mine --type=merge -p ${patch(noEdge)}`,
  ])
  expect(nameOf(proxy)).toBe('kube-system/kube-proxy')
  expect(nameOf(set({}, 'mine'))).toBe('default/mine')
})
