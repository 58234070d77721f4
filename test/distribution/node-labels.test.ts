import { expect, test } from 'bun:test'
import { nodeAlone } from '../../lib/distribution/cluster.ts'
import { checkLabels, labelNode } from '../../lib/distribution/node-labels.ts'
import { sceneOn } from '../tasks/context.ts'
import { edgeLabels, nodeJson } from './kubectl-answers.ts'

/** edge-1 of the tests' lab has two labels in the file. The node object comes late, as after a first start. */
function cluster(labels: Record<string, string>, absentFor: number) {
  let looks = 0
  const answer = () => (looks++ < absentFor ? '' : nodeJson({ name: 'edge-1', labels: { ...edgeLabels, ...labels } }))
  return sceneOn('edge-1', {
    rules: {
      master: [
        [/get node edge-1 /, answer],
        [/ label node edge-1 /, ''],
      ],
    },
  })
}
const labelling = (steps: readonly string[]) =>
  steps.flatMap((step) => / label (node .*)/.exec(step)?.[1]?.replaceAll("'", '') ?? [])

test('a node gets the labels that it lacks, as soon as it is in the cluster', async () => {
  const { ctx, steps } = cluster({ site: 'lab-6' }, 2)
  await labelNode(ctx)
  expect(labelling(steps)).toEqual(['node edge-1 --overwrite device=camera site=lab-7'])
})

test('only what is missing is set, and nothing where all is there', async () => {
  const one = cluster({ site: 'lab-7' }, 0)
  expect(await checkLabels(one.ctx, nodeAlone(one.ctx))).toEqual({
    done: false,
    why: 'node edge-1 lacks the labels device=camera',
  })
  await labelNode(one.ctx)
  expect(labelling(one.steps)).toEqual(['node edge-1 --overwrite device=camera'])
  const all = cluster({ site: 'lab-7', device: 'camera' }, 0)
  expect(await checkLabels(all.ctx, nodeAlone(all.ctx))).toEqual({ done: true })
  await labelNode(all.ctx)
  expect(labelling(all.steps)).toEqual([])
})

test('a node without labels in the file costs no question', async () => {
  const { ctx, steps } = sceneOn('master')
  expect(await checkLabels(ctx, nodeAlone(ctx))).toEqual({ done: true })
  await labelNode(ctx)
  expect(steps).toEqual([])
})
