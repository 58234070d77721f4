import { checkCloudCore, deployCloudCore } from '../lib/kubeedge/cloudcore.ts'
import { task } from '../lib/task/task.ts'

/** keadm's exit code proves nothing (CloudCore may die after it), so done means that every advertised address answers. */
export default task({
  description: 'Deploy CloudCore, advertised on every edge LAN',
  checks: 'CloudCore runs as the file says, is advertised on every edge LAN, and answers there',
  changes: 'deploys it with keadm, or changes the one that is there in place, and waits until it answers',
  step: 8,
  check: (ctx) => checkCloudCore(ctx),
  run: (ctx) => deployCloudCore(ctx),
})
