import { distributionOf } from '../lib/distribution/distribution.ts'
import { task } from '../lib/task/task.ts'

export default task({
  description: "Install Kubernetes' programs and what they need of the kernel",
  checks: "Kubernetes' programs are as in the bundle, with the packages, kernel settings and units that they need",
  changes: 'installs what is missing, sets the kernel up, now and at every boot, and writes the units',
  step: 6,
  check: (ctx) => distributionOf(ctx).checkInstalled(ctx),
  run: (ctx) => distributionOf(ctx).install(ctx),
})
