import { checkCloudCore, deployCloudCore } from '../lib/kubeedge/cloudcore.ts'
import { task } from '../lib/task/task.ts'

/** keadm's exit code proves nothing (CloudCore may die after it), so done means that every advertised address answers. */
export default task({
  description: 'Deploy CloudCore, advertised on every edge LAN',
  step: 8,
  check: (ctx) => checkCloudCore(ctx),
  run: (ctx) => deployCloudCore(ctx),
})
