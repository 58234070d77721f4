import { distributionOf } from '../lib/distribution/distribution.ts'
import { task } from '../lib/task/task.ts'

/** Comes before the first join: edgecore taints nothing, so a DaemonSet that is not kept off edges lands on them at once. */
export default task({
  description: "Install the pod network, and keep the cloud's DaemonSets off edges",
  step: 6,
  check: (ctx) => distributionOf(ctx).checkNetwork(ctx),
  run: (ctx) => distributionOf(ctx).installNetwork(ctx),
})
