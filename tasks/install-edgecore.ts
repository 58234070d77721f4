import { installPrograms, missingPrograms } from '../lib/bundle/deliver.ts'
import { keadm } from '../lib/kubeedge/keadm.ts'
import { runtimeOf } from '../lib/runtime/runtime.ts'
import { doneIf, firstPending, task } from '../lib/task/task.ts'

const dropIn = '/etc/systemd/system/edgecore.service.d/10-runtime.conf'

/** edgecore itself comes out of an image during the join; here its installer, and the order of the two services at boot. */
export default task({
  description: 'Install keadm on the edge, and start edgecore after the runtime',
  checks: 'keadm is as in the bundle, and edgecore starts after the runtime',
  changes: 'installs keadm, and writes that order for systemd',
  step: 10,
  assets: ['keadm'],

  check: (ctx) =>
    firstPending(
      async () => doneIf((await missingPrograms(ctx, keadm)).length === 0, 'keadm is not as in the bundle'),
      async () => doneIf((await ctx.host.read(dropIn)) === after(runtimeOf(ctx).service), `${dropIn} is missing`),
    ),

  async run(ctx) {
    await installPrograms(ctx, keadm)
    await ctx.host.write(dropIn, after(runtimeOf(ctx).service))
    await ctx.$`systemctl daemon-reload`
  },
})

const after = (service: string) => `[Unit]\nAfter=${service}.service\nWants=${service}.service\n`
