import { expect, test } from 'bun:test'
import { toFailure } from '../../lib/host/to-failure.ts'
import { mustAgreeOnTime } from '../../lib/task/must-agree-on-time.ts'
import initCluster from '../../tasks/init-cluster.ts'
import joinEdge from '../../tasks/join-edge.ts'
import joinWorker from '../../tasks/join-worker.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'
import { fakeEdge } from '../tasks/fake-edge.ts'

/** This machine's clock, which stands still. */
const here = Date.parse('2026-03-01T12:00:00Z')

test.each([
  [0, undefined],
  [59, undefined],
  [-59, undefined],
  [61, "is 61 s ahead of this machine's: it says 2026-03-01T12:01:01Z, and here it is 2026-03-01T12:00:00Z"],
  [-61, "is 61 s behind this machine's: it says 2026-03-01T11:58:59Z, and here it is 2026-03-01T12:00:00Z"],
  [-86_400 * 365, 'it says 2025-03-01T12:00:00Z'],
])('a clock that is %p s ahead', async (ahead, message) => {
  const { ctx } = sceneOn('edge-1', { rules: { 'edge-1': [['date +%s.%N', `${here / 1000 + ahead}\n`]] } })
  const result = await mustAgreeOnTime(ctx, () => here).then(
    () => undefined,
    (error) => toFailure(error),
  )
  if (message === undefined) expect(result).toBeUndefined()
  else
    expect(result).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining(message),
      cure: expect.stringContaining('kedge ssh edge-1 -- sudo date -s @$(date +%s)'),
    })
})

test('what the asking itself took is no skew', async () => {
  let asked = 0
  const { ctx } = sceneOn('edge-1', { rules: { 'edge-1': [['date +%s.%N', `${here / 1000}\n`]] } })
  const slow = () => here + 150_000 * asked++
  expect(await mustAgreeOnTime(ctx, slow).catch((error) => toFailure(error))).toBeUndefined()
})

const nothingThere = [
  /^test |^cat |kubectl/,
  ({ command }: { command: string }) => (/ get node /.test(command) ? '' : { exitCode: 1 }),
] as const
const late = ['date +%s.%N', () => `${Date.now() / 1000 - 3600}\n`] as const
test('no cluster is made, and none joined, by a node with a wrong clock: nothing is changed', async () => {
  const nothing = { service: 'inactive', certificates: false, leftovers: false, node: 'absent', token: true } as const
  const edge = fakeEdge(nothing, {}, [late])
  expect(await failureOf(joinEdge.run(edge.ctx))).toMatch(/^refused: the clock of edge-1 is 360\d s behind/)
  expect(edge.changes()).toEqual([])
  for (const [name, task] of [
    ['master', initCluster],
    ['worker', joinWorker],
  ] as const) {
    const scene = sceneOn(name, { rules: { [name]: [late, nothingThere], master: [late, nothingThere] } })
    expect(await failureOf(task.run(scene.ctx))).toMatch(new RegExp(`^refused: the clock of ${name} is 360. s behind`))
    expect(scene.steps.filter((step) => / write |kubeadm/.test(step))).toEqual([])
  }
})
