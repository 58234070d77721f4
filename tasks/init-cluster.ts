import { distributionOf } from '../lib/distribution/distribution.ts'
import { task } from '../lib/task/task.ts'

export default task({
  description: 'Set up the control plane',
  step: 6,
  check: (ctx) => distributionOf(ctx).checkCluster(ctx),
  run: (ctx) => distributionOf(ctx).initCluster(ctx),
})
