import { nodeAlone, nodeAmongAll } from '../lib/distribution/cluster.ts'
import { labelNode } from '../lib/distribution/node-labels.ts'
import { applyEdgeConfig } from '../lib/kubeedge/edge-config.ts'
import { setUpEdgeNetwork } from '../lib/kubeedge/edge-network.ts'
import { checkEdge, edgeState } from '../lib/kubeedge/edge-state.ts'
import { joinEdge, keadmTokenFile, mustReachCloudCore, tokenFile } from '../lib/kubeedge/join.ts'
import { mustHaveBroker } from '../lib/kubeedge/mqtt.ts'
import { resetEdge } from '../lib/kubeedge/reset-edge.ts'
import { sendToken } from '../lib/kubeedge/tokens.ts'
import { mustAgreeOnTime } from '../lib/task/must-agree-on-time.ts'
import { unitReason } from '../lib/task/reason.ts'
import { task } from '../lib/task/task.ts'
import { untilDone } from '../lib/task/until-done.ts'

/** keadm's success means that certificates arrived; joined means that the cluster has the node Ready. */
export default task({
  description: 'Join the edge to CloudCore on its own LAN, and wait until its node is Ready',
  checks:
    'edgecore runs as the file says, its certificate has not ended, and its node is Ready, of the right version and with its labels; no token is left on it',
  changes:
    'resets what a cut-off join left, joins with keadm, brings edgecore.yaml to what the file says, waits until the node is Ready, labels it',
  step: 12,
  check: (ctx) => checkEdge(ctx, nodeAmongAll(ctx)),

  async run(ctx) {
    const { $ } = ctx
    await mustHaveBroker(ctx)
    await mustReachCloudCore(ctx)
    const state = await edgeState(ctx)
    const node = await nodeAlone(ctx)()
    if (state.hasCertificates && node) {
      await $`systemctl enable --now edgecore`
    } else {
      await mustAgreeOnTime(ctx)
      if (state.hasLeftovers || state.service === 'active' || node) await resetEdge(ctx, state, node)
      // It may be used up, of another day, or of a CloudCore that was there before.
      await sendToken(ctx)
      await joinEdge(ctx)
    }
    await applyEdgeConfig(ctx)
    await $`rm -f ${tokenFile} ${keadmTokenFile}`
    await setUpEdgeNetwork(ctx)
    await labelNode(ctx)
    await untilDone(
      ctx,
      () => checkEdge(ctx, nodeAlone(ctx)),
      () => unitReason(ctx.host, 'edgecore', 120),
    )
  },
})
