import { describe, expect, test } from 'bun:test'
import verify from '../../tasks/verify.ts'
import { asksForNodes, type NodeAnswer, nodeJson, nodeLines } from '../distribution/kubectl-answers.ts'
import { cloudFiles, clusterRules, edgeFiles, edgeRules, machineRules, nodes } from '../kubeedge/fake-lab.ts'
import { boot, edgeNode, fakeSmoke, type SmokeScript } from '../kubeedge/fake-smoke.ts'
import { failureOf, sceneOn } from './context.ts'

const cloud = (before: Parameters<typeof clusterRules>[0] = {}, worker = machineRules) =>
  sceneOn('master', {
    rules: { master: [...clusterRules(before), ...machineRules], worker },
    files: { master: cloudFiles, worker: cloudFiles },
  })
const edge = (script: SmokeScript = {}) => {
  const fake = fakeSmoke(script)
  const rules = { master: fake.rules.master, 'edge-1': [...fake.rules['edge-1'], ...edgeRules] }
  return { ...fake, ...sceneOn('edge-1', { rules, files: { 'edge-1': edgeFiles } }) }
}
const mark = `2026-01-01T00:00:00Z uid-1 ${boot} v1.32.10-kubeedge-v1.23.1`
const proven: NodeAnswer = { ...edgeNode, annotations: { 'kedge.dev/smoke-passed': mark } }

describe('on the control plane', () => {
  test('the cluster and every cloud node are looked at', async () => {
    const { ctx, said, steps } = cloud()
    expect(await verify.check(ctx)).toEqual({ done: true })
    expect(said).toContain('ok    edge-1 is Ready: 192.168.24.2')
    expect(said).toContain('ok    worker swap is off: none')
    expect(said).toHaveLength(21 + 2 * 2)
    expect(steps.filter((step) => /apply|annotate|delete/.test(step))).toEqual([])
  })

  test('what fails is said, and is all that the verdict names', async () => {
    const { ctx, said } = cloud({ dns: {} }, [['swapon --noheadings --show=NAME', '/swap\n'], ...machineRules])
    const why = ['master CoreDNS runs: 0 of 1 available', 'worker swap is off: /swap']
    expect(await verify.check(ctx)).toEqual({ done: false, why: why.join('; ') })
    for (const line of why) expect(said).toContain(`FAIL  ${line}`)
  })

  test('a cluster that is still settling is waited for', async () => {
    const settling = { ...nodes['edge-1'], ready: 'False' } as NodeAnswer
    const { ctx, sleeps } = sceneOn('master', {
      rules: {
        master: [
          [
            asksForNodes,
            [
              nodeLines(...[...Object.values(nodes), settling].toReversed().map(nodeJson)),
              nodeLines(...Object.values(nodes).map(nodeJson)),
            ],
          ],
          ...clusterRules(),
          ...machineRules,
        ],
        worker: machineRules,
      },
      files: { master: cloudFiles, worker: cloudFiles },
    })
    await verify.run(ctx)
    expect(sleeps).toEqual([0.5])
  })
})

describe('on an edge', () => {
  test('the check starts no pod: without a mark it is pending, with one it is done', async () => {
    const bare = edge()
    expect(await verify.check(bare.ctx)).toEqual({
      done: false,
      why: 'edge-1 a smoke pod has passed since the edge booted: none has',
    })
    const whole = edge({ node: proven })
    expect(await verify.check(whole.ctx)).toEqual({ done: true })
    expect(whole.said).toHaveLength(6)
    for (const { steps, pods } of [bare, whole]) {
      expect(pods).toEqual([])
      expect(steps.filter((step) => /apply|annotate|delete/.test(step))).toEqual([])
    }
  })

  test('the run proves the edge with a pod and leaves the mark that the next check finds', async () => {
    const { ctx, pods, marks } = edge()
    await verify.run(ctx)
    expect(pods).toHaveLength(1)
    const [, value = ''] = marks[0]?.split('kedge.dev/smoke-passed=') ?? []
    const after = edge({ node: { ...edgeNode, annotations: { 'kedge.dev/smoke-passed': value } } })
    expect(await verify.check(after.ctx)).toEqual({ done: true })
  })

  test('no pod is started before all that can be looked at holds', async () => {
    const { rules, pods } = fakeSmoke()
    const { ctx, sleeps } = sceneOn('edge-1', {
      rules: {
        master: rules.master,
        'edge-1': [['swapon --noheadings --show=NAME', ['/swap\n', '']], ...rules['edge-1'], ...edgeRules],
      },
      files: { 'edge-1': edgeFiles },
      onSleep: () => expect(pods).toEqual([]),
    })
    await verify.run(ctx)
    expect(sleeps).toEqual([0.5])
    expect(pods).toHaveLength(1)
  })

  test('a log that does not come is the task’s failure', async () => {
    const { ctx } = edge({ statuses: [{ phase: 'Failed', reason: 'Evicted' }] })
    expect(await failureOf(verify.run(ctx))).toContain('edge-1 a pod on the host network runs: Failed: Evicted')
  })
})
