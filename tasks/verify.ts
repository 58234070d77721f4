import { type TaskContext, task } from '../lib/task/task.ts'
import { untilDone } from '../lib/task/until-done.ts'
import { answersTo, type Question, verdictOn } from '../lib/verify/finding.ts'
import { passSmokeTest, smokeMark } from '../lib/verify/smoke-test.ts'
import { clusterQuestions } from '../lib/verify/verify-cluster.ts'
import { nodeQuestions } from '../lib/verify/verify-node.ts'

/**
 * The check looks at all that can be looked at, and for the mark of a smoke test that passed on the node as it is now; to run
 * it means to wait until what is looked at holds, for a cluster that is still settling, and to prove each edge with a pod.
 */
export default task({
  description: 'Prove the deployment: nodes, versions, roles, certificates, cgroup drivers, a pod on each edge',
  checks: 'all that can be looked at holds on the node, and for an edge that a smoke test has passed since its boot',
  changes:
    'waits until it holds; on an edge runs a pod, reads its log, removes it, and leaves a mark on the Node object',

  async check(ctx) {
    const findings = await answersTo([...looks(ctx), ...(ctx.node.role === 'edge' ? [smokeMark(ctx)] : [])])
    for (const { holds, node, claim, figure } of findings) {
      ctx.say(`${holds ? 'ok  ' : 'FAIL'}  ${node} ${claim}: ${figure}`)
    }
    return verdictOn(findings)
  },

  async run(ctx) {
    await untilDone(ctx, async () => verdictOn(await answersTo(looks(ctx))))
    if (ctx.node.role === 'edge') await passSmokeTest(ctx)
  },
})

/** The control plane speaks for the cluster and for the workers, an edge for itself. */
function looks(ctx: TaskContext): readonly Question[] {
  if (ctx.node.role === 'edge') return nodeQuestions(ctx)
  const cloud = ctx.topology.nodes.filter(({ role }) => role !== 'edge')
  return [
    ...clusterQuestions(ctx, ctx.topology.nodes),
    ...cloud.flatMap((node) => {
      // The bundle is still asked for the control plane's architecture, of which only an image's name is taken.
      const host = ctx.on(node)
      return nodeQuestions({ ...ctx, node, host, $: host.$ })
    }),
  ]
}
