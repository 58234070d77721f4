import { nodeAlone, nodeAmongAll } from '../lib/distribution/cluster.ts'
import { distributionOf } from '../lib/distribution/distribution.ts'
import { checkLabels, labelNode } from '../lib/distribution/node-labels.ts'
import { mustAgreeOnTime } from '../lib/task/must-agree-on-time.ts'
import { firstPending, task } from '../lib/task/task.ts'

export default task({
  description: 'Set up the control plane',
  checks: 'the API server answers, the set-up came to its end, and the node has its labels',
  changes: "sets the control plane up, or clears a half-made one of kedge's own and begins anew; labels the node",
  step: 6,
  check(ctx) {
    const ask = nodeAmongAll(ctx)
    return firstPending(
      () => distributionOf(ctx).checkCluster(ctx, ask),
      () => checkLabels(ctx, ask),
    )
  },
  async run(ctx) {
    const distribution = distributionOf(ctx)
    if (!(await distribution.checkCluster(ctx, nodeAlone(ctx))).done) {
      await mustAgreeOnTime(ctx)
      await distribution.initCluster(ctx)
    }
    await labelNode(ctx)
  },
})
