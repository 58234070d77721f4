import { runtimeOf } from '../lib/runtime/runtime.ts'
import { task } from '../lib/task/task.ts'

export default task({
  description: 'Install the container runtime from the bundle',
  step: 4,
  check: (ctx) => runtimeOf(ctx).checkInstalled(ctx),
  run: (ctx) => runtimeOf(ctx).install(ctx),
})
