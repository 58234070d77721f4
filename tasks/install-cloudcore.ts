import { installPrograms, missingPrograms } from '../lib/bundle/deliver.ts'
import { keadm } from '../lib/kubeedge/keadm.ts'
import { doneIf, task } from '../lib/task/task.ts'

export default task({
  description: 'Install keadm on the control plane',
  checks: 'keadm is as in the bundle',
  changes: 'installs it',
  step: 7,
  assets: ['keadm'],
  check: async (ctx) => doneIf((await missingPrograms(ctx, keadm)).length === 0, 'keadm is not as in the bundle'),
  run: (ctx) => installPrograms(ctx, keadm),
})
