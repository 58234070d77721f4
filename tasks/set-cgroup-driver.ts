import { refuseOtherRuntime } from '../lib/runtime/joined-with.ts'
import { runtimeOf } from '../lib/runtime/runtime.ts'
import { task } from '../lib/task/task.ts'

/** kubelet, edgecore and the runtime must agree; systemd owns the cgroup tree, so it is the one that all of them use. */
export default task({
  description: "Make systemd the runtime's cgroup driver, with the bundle's sandbox image",
  checks:
    'the runtime runs with the configuration that kedge writes: systemd as its cgroup driver, and one sandbox image',
  changes: "writes the runtime's configuration, and restarts the runtime",
  step: 5,
  check: (ctx) => runtimeOf(ctx).checkConfigured(ctx),
  async run(ctx) {
    await refuseOtherRuntime(ctx)
    await runtimeOf(ctx).configure(ctx)
  },
})
