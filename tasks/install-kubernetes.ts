import { distributionOf } from '../lib/distribution/distribution.ts'
import { task } from '../lib/task/task.ts'

export default task({
  description: "Install Kubernetes' programs and what they need of the kernel",
  step: 6,
  check: (ctx) => distributionOf(ctx).checkInstalled(ctx),
  run: (ctx) => distributionOf(ctx).install(ctx),
})
