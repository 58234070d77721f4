import { nodeAmongAll } from '../lib/distribution/cluster.ts'
import { edgeState } from '../lib/kubeedge/edge-state.ts'
import { tokenFile } from '../lib/kubeedge/join.ts'
import { currentToken, sendToken } from '../lib/kubeedge/tokens.ts'
import { done, doneIf, task } from '../lib/task/task.ts'

/** The token is asked for anew each time: it is good for a day at most, and a stored one may be from another CA. */
export default task({
  description: 'Send the join token to the edge, unless it has joined already',
  checks: "the edge has joined, or holds CloudCore's token of now",
  changes: 'writes the token to a file on the edge that only root reads; the join removes it',
  step: 11,

  async check(ctx) {
    const { service, hasCertificates } = await edgeState(ctx)
    if (service === 'active' && hasCertificates && (await nodeAmongAll(ctx)())) return done
    const { token } = await currentToken(ctx)
    return doneIf(
      (await ctx.host.read(tokenFile))?.trim() === token && token !== '',
      'the edge does not have the current token',
    )
  },

  run: sendToken,
})
