import { distributionOf } from '../lib/distribution/distribution.ts'
import { task } from '../lib/task/task.ts'

export default task({
  description: 'Join the worker to the cluster with a token made for it',
  step: 6,
  check: (ctx) => distributionOf(ctx).checkWorker(ctx),
  run: (ctx) => distributionOf(ctx).joinWorker(ctx),
})
