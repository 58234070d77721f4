import { describe, expect, test } from 'bun:test'
import { TaskError } from '../../lib/event/failure.ts'
import type { Asset } from '../../lib/task/task.ts'
import { answersTo } from '../../lib/verify/finding.ts'
import { passSmokeTest, smokeImage, smokeMark, smokeQuestions } from '../../lib/verify/smoke-test.ts'
import { boot, edgeNode, fakeSmoke, type SmokeScript } from '../kubeedge/fake-smoke.ts'
import { failureOf, loadLab, sceneOn } from '../tasks/context.ts'

const mark = `uid-1 ${boot} v1.32.10-kubeedge-v1.23.1`
const marked = (value: string) => ({ ...edgeNode, annotations: { 'kedge.dev/smoke-passed': value } })
const noImage = [
  {
    phase: 'Pending',
    containerStatuses: [{ state: { waiting: { reason: 'ErrImageNeverPull', message: 'no image' } } }],
  },
]

function scene(script: SmokeScript = {}) {
  const fake = fakeSmoke(script)
  return { ...fake, ...sceneOn('edge-1', { rules: fake.rules }) }
}
async function linesOf(script: SmokeScript) {
  const made = scene(script)
  const found = await answersTo(smokeQuestions(made.ctx))
  return { ...made, lines: found.map(({ holds, claim, figure }) => `${holds ? 'ok' : 'FAIL'} ${claim}: ${figure}`) }
}

describe('an edge is proven', () => {
  test('with a pod on the host network where it has no other, and marked', async () => {
    const { lines, pods, marks, steps } = await linesOf({})
    expect(lines).toEqual([
      expect.stringMatching(/^ok a pod on the host network runs: after \d+\.\d s at 192\.168\.24\.2$/),
      expect.stringMatching(/^ok kubectl logs reads the pod on the host network: after \d+\.\d s$/),
    ])
    expect(pods.map(({ spec }) => spec.hostNetwork)).toEqual([true])
    expect(marks).toEqual([expect.stringMatching(/^kedge\.dev\/smoke-passed=\d{4}-\d\d-\d\dT[\d:.]+Z /)])
    expect(marks[0]).toEndWith(` ${mark}`)
    const leftovers = steps.findIndex((step) => /delete pods -l '?kedge.dev\/smoke=edge-1'? /.test(step))
    expect(leftovers).toBeGreaterThan(-1)
    expect(leftovers).toBeLessThan(steps.findIndex((step) => step.includes(' apply -f -')))
  })

  test('and with one on its pod network at the same time', async () => {
    const { lines, pods, marks, steps } = await linesOf({ hasPodNetwork: true })
    expect(lines.map((line) => line.replace(/:.*/, ''))).toEqual([
      'ok a pod on the host network runs',
      'ok kubectl logs reads the pod on the host network',
      'ok a pod on the pod network runs',
      'ok kubectl logs reads the pod on the pod network',
    ])
    expect(new Set(pods.map(({ spec }) => spec.hostNetwork))).toEqual(new Set([true, false]))
    expect(marks).toHaveLength(1)
    // Both are there before one of them is removed.
    const created = steps.findLastIndex((step) => step.includes(' apply -f -'))
    const removed = steps.findIndex((step) => / delete pod kedge-smoke-/.test(step))
    expect(created).toBeLessThan(removed)
  })
})

describe('an edge that fails', () => {
  test('says so of both pods, and gets no mark', async () => {
    const { lines, pods, marks } = await linesOf({ hasPodNetwork: true, statuses: noImage })
    expect(lines).toEqual([
      'FAIL a pod on the host network runs: ErrImageNeverPull: no image',
      'FAIL kubectl logs reads the pod on the host network: the pod does not run',
      'FAIL a pod on the pod network runs: ErrImageNeverPull: no image',
      'FAIL kubectl logs reads the pod on the pod network: the pod does not run',
    ])
    expect(pods).toHaveLength(2)
    expect(marks).toEqual([])
  })

  test('loses the mark of an earlier test', async () => {
    const { marks } = await linesOf({ statuses: noImage, node: marked(`2026-01-01T00:00:00Z ${mark}`) })
    expect(marks).toEqual(['kedge.dev/smoke-passed-'])
  })

  test('fails its task, which may be tried again', async () => {
    const { ctx } = scene({ statuses: noImage })
    expect(await failureOf(passSmokeTest(ctx))).toBe(
      'command: edge-1 a pod on the host network runs: ErrImageNeverPull: no image; edge-1 kubectl logs reads the pod on the host network: the pod does not run',
    )
  })
})

describe('the mark', () => {
  test.each([
    [
      'of this node, boot and version holds',
      marked(`2026-01-01T00:00:00Z ${mark}`),
      true,
      'the last one at 2026-01-01T00:00:00Z',
    ],
    [
      'of another node of that name does not',
      marked(`t ${mark.replace('uid-1', 'uid-0')}`),
      false,
      'the last one at t',
    ],
    ['of an earlier boot does not', marked(`t ${mark.replace(boot, 'earlier')}`), false, 'the last one at t'],
    ['of an earlier version does not', marked(`t ${mark.replace('1.23.1', '1.22.0')}`), false, 'the last one at t'],
    ['is missing', edgeNode, false, 'none has'],
    ['is missing with its node', undefined, false, 'none has'],
  ])('%s', async (_, node, holds, figure) => {
    const { ctx, pods } = scene({ node })
    expect(await smokeMark(ctx).ask()).toEqual({ holds, figure })
    expect(pods).toEqual([])
  })
})

describe('the image', () => {
  const piece = (name: string, ...roles: string[]): Asset => ({
    name,
    kind: 'image',
    version: '1',
    path: '/x',
    sizeBytes: 1,
    sha256: '0',
    roles,
  })
  const topology = loadLab()
  const node = topology.nodes.find(({ name }) => name === 'edge-1') as (typeof topology.nodes)[number]
  const installation = 'docker.io/kubeedge/installation-package:v1.23.1'
  test.each<[string, Asset[], string]>([
    [
      'is a busybox that edges have',
      [piece(installation, 'edge'), piece('docker.io/library/busybox:1.35.0')],
      'docker.io/library/busybox:1.35.0',
    ],
    [
      'is no busybox of the cloud’s',
      [piece('docker.io/library/busybox:1.35.0', 'worker'), piece(installation, 'edge')],
      installation,
    ],
    [
      'is the installation package of whatever registry',
      [piece('r.example/kubeedge/installation-package:v1.23.1')],
      'r.example/kubeedge/installation-package:v1.23.1',
    ],
    ['is what keadm itself takes where the bundle has nothing', [piece('registry.k8s.io/pause:3.10')], installation],
  ])('%s', (_, pieces, name) => expect(smokeImage({ assets: () => pieces, node, topology })).toBe(name))

  test('needs no bundle', () => {
    const assets = () => {
      throw new TaskError({ kind: 'bundle', message: 'the lab has no bundle' })
    }
    expect(smokeImage({ assets, node, topology })).toBe(installation)
  })
})
