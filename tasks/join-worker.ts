import { nodeAlone, nodeAmongAll } from '../lib/distribution/cluster.ts'
import { distributionOf } from '../lib/distribution/distribution.ts'
import { checkLabels, labelNode } from '../lib/distribution/node-labels.ts'
import { mustAgreeOnTime } from '../lib/task/must-agree-on-time.ts'
import { firstPending, task } from '../lib/task/task.ts'

export default task({
  description: 'Join the worker to the cluster with a token made for it',
  checks: 'the worker is Ready, its join came to its end, and it has its labels',
  changes: 'has a token made for this join, joins, waits until the node is Ready, labels it',
  step: 6,
  check(ctx) {
    const ask = nodeAmongAll(ctx)
    return firstPending(
      () => distributionOf(ctx).checkWorker(ctx, ask),
      () => checkLabels(ctx, ask),
    )
  },
  async run(ctx) {
    const distribution = distributionOf(ctx)
    if (!(await distribution.checkWorker(ctx, nodeAlone(ctx))).done) {
      await mustAgreeOnTime(ctx)
      await distribution.joinWorker(ctx)
    }
    await labelNode(ctx)
  },
})
