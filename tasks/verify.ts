import { cloudFindings, edgeFindings } from '../lib/kubeedge/verify.ts'
import { doneIf, type TaskContext, task } from '../lib/task/task.ts'
import { untilDone } from '../lib/task/until-done.ts'

/** The proof is the check itself; to run it means to wait until it holds, for a cluster that is still settling. */
export default task({
  description: 'Prove the deployment: nodes, versions, roles, certificates, cgroup drivers',
  check: prove,
  run: (ctx) => untilDone(ctx, () => prove(ctx)),
})

async function prove(ctx: TaskContext) {
  const findings = ctx.node.role === 'edge' ? await edgeFindings(ctx) : await cloudFindings(ctx)
  for (const { claim, holds, figure } of findings) ctx.say(`${holds ? 'ok' : 'FAIL'}  ${claim}: ${figure}`)
  const failed = findings.filter(({ holds }) => !holds)
  return doneIf(failed.length === 0, failed.map(({ claim, figure }) => `${claim}: ${figure}`).join('; '))
}
