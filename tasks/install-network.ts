import { distributionOf } from '../lib/distribution/distribution.ts'
import { task } from '../lib/task/task.ts'

/** Comes before the first join: edgecore taints nothing, so a DaemonSet that is not kept off edges lands on them at once. */
export default task({
  description: "Install the pod network, and keep the cloud's DaemonSets off edges",
  checks:
    "no DaemonSet of the cloud's would land on an edge, the control plane is Ready, and the cluster's DNS is as kedge sets it",
  changes:
    "applies the bundle's pod network, keeps the cloud's DaemonSets off edges, sets up DNS, and waits until the node is Ready",
  step: 6,
  check: (ctx) => distributionOf(ctx).checkNetwork(ctx),
  run: (ctx) => distributionOf(ctx).installNetwork(ctx),
})
