import { type Check, done, doneIf, type TaskContext } from '../task/task.ts'
import { untilDone } from '../task/until-done.ts'
import { clusterOf, type NodeObject } from './cluster.ts'

/** The topology's labels that the node object does not carry, as `key=value`. */
export const missingLabels = (
  object: NodeObject | undefined,
  wanted: Readonly<Record<string, string>>,
): readonly string[] =>
  Object.entries(wanted).flatMap(([key, value]) =>
    object?.metadata.labels?.[key] === value ? [] : [`${key}=${value}`],
  )

export async function checkLabels(ctx: TaskContext): Promise<Check> {
  const { name, labels } = ctx.node
  if (Object.keys(labels).length === 0) return done
  const missing = missingLabels(await clusterOf(ctx).get<NodeObject>('node', name), labels)
  return doneIf(missing.length === 0, `node ${name} lacks the labels ${missing.join(', ')}`)
}

/** Waits for the node object, which a kubelet that has just started has still to make. */
export async function labelNode(ctx: TaskContext): Promise<void> {
  const { name, labels } = ctx.node
  if (Object.keys(labels).length === 0) return
  const cluster = clusterOf(ctx)
  let object: NodeObject | undefined
  await untilDone(ctx, async () => {
    object = await cluster.get<NodeObject>('node', name)
    return doneIf(object !== undefined, `node ${name} is not in the cluster`)
  })
  const missing = missingLabels(object, labels)
  if (missing.length > 0) await cluster.run('label', 'node', name, '--overwrite', ...missing)
}
