import { refuseOtherRuntime } from '../lib/runtime/joined-with.ts'
import { runtimeOf } from '../lib/runtime/runtime.ts'
import { task } from '../lib/task/task.ts'

export default task({
  description: 'Install the container runtime from the bundle',
  checks: 'containerd or CRI-O is installed, with the CNI plug-ins where it looks for them',
  changes: "installs the runtime's packages from the bundle",
  step: 4,
  check: (ctx) => runtimeOf(ctx).checkInstalled(ctx),
  async run(ctx) {
    await refuseOtherRuntime(ctx)
    await runtimeOf(ctx).install(ctx)
  },
})
