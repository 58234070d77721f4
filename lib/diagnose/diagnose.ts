import type { TaskContext } from '../task/task.ts'
import { diagnoseCloudNode } from './diagnose-cloud-node.ts'
import { diagnoseEdge } from './diagnose-edge.ts'
import type { Diagnosis } from './diagnosis.ts'

/** Why the context's node is not in the cluster, or not Ready. `now` is this machine's clock in milliseconds. */
export const diagnose = (ctx: TaskContext, now: () => number): Promise<Diagnosis> =>
  ctx.node.role === 'edge' ? diagnoseEdge(ctx, now) : diagnoseCloudNode(ctx, now)
