import { clusterOf } from '../lib/distribution/cluster.ts'
import { namespace, restartCloudCore } from '../lib/kubeedge/cloudcore.ts'
import { currentToken } from '../lib/kubeedge/tokens.ts'
import { done, pending, type TaskContext, task } from '../lib/task/task.ts'
import { untilDone } from '../lib/task/until-done.ts'

/** CloudCore's refresh ends for good after one failure and then serves an expired token; only a restart makes a new one. */
export default task({
  description: "Get CloudCore's join token, and make sure that it can still be used",
  checks: 'CloudCore has made a join token, and it can still be used',
  changes: 'has CloudCore make a new one where that has run out; keeps no copy of it',
  step: 9,
  check: hasUsableToken,

  async run(ctx) {
    const { token, why } = await currentToken(ctx)
    // It may have come since the check: CloudCore makes it some seconds after its start.
    if (token !== '' && why) {
      const cluster = clusterOf(ctx)
      ctx.say('restarting CloudCore for a new token')
      await cluster.run('-n', namespace, 'delete', 'secret', 'tokensecret', '--ignore-not-found')
      await restartCloudCore(cluster)
    }
    await untilDone(ctx, () => hasUsableToken(ctx))
  },
})

async function hasUsableToken(ctx: TaskContext) {
  const { why } = await currentToken(ctx)
  return why ? pending(why) : done
}
