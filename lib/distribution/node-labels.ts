import { type Check, done, doneIf, type TaskContext } from '../task/task.ts'
import { untilDone } from '../task/until-done.ts'
import { type AskNode, clusterOf, type NodeObject, nodeAlone } from './cluster.ts'

/** The topology's labels that the node object does not carry, as `key=value`. */
export const missingLabels = (
  object: NodeObject | undefined,
  wanted: Readonly<Record<string, string>>,
): readonly string[] =>
  Object.entries(wanted).flatMap(([key, value]) =>
    object?.metadata.labels?.[key] === value ? [] : [`${key}=${value}`],
  )

export async function checkLabels({ node: { name, labels } }: TaskContext, ask: AskNode): Promise<Check> {
  if (Object.keys(labels).length === 0) return done
  const missing = missingLabels(await ask(), labels)
  return doneIf(missing.length === 0, `node ${name} lacks the labels ${missing.join(', ')}`)
}

/** Waits for the node object, which a kubelet that has just started has still to make. */
export async function labelNode(ctx: TaskContext): Promise<void> {
  const { name, labels } = ctx.node
  if (Object.keys(labels).length === 0) return
  let object: NodeObject | undefined
  await untilDone(ctx, async () => {
    object = await nodeAlone(ctx)()
    return doneIf(object !== undefined, `node ${name} is not in the cluster`)
  })
  const missing = missingLabels(object, labels)
  if (missing.length > 0) await clusterOf(ctx).run('label', 'node', name, '--overwrite', ...missing)
}
