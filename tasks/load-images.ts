import { deliverAll, forget } from '../lib/bundle/deliver.ts'
import { edgeBroker } from '../lib/kubeedge/mqtt.ts'
import { runtimeOf } from '../lib/runtime/runtime.ts'
import { doneIf, type TaskContext, task } from '../lib/task/task.ts'

/** A node of an isolated LAN can pull nothing: whatever it will run is in its runtime before anything asks for it. */
export default task({
  description: "Import the bundle's container images that this node needs",

  async check(ctx) {
    const missing = await missingImages(ctx)
    return doneIf(missing.length === 0, `not imported: ${missing.map(({ name }) => name).join(', ')}`)
  },

  async run(ctx) {
    const images = await missingImages(ctx)
    const paths = await deliverAll(ctx, images)
    await runtimeOf(ctx).importImages(
      ctx,
      images.map(({ name, sha256 }) => ({ name, path: paths.get(sha256) as string })),
    )
    await forget(ctx, paths.values())
  },
})

async function missingImages(ctx: TaskContext) {
  const present = new Set(await runtimeOf(ctx).imageNames(ctx))
  const images = ctx.assets('image')
  const broker = edgeBroker(
    ctx,
    images.map(({ name }) => name),
  )
  const wanted = images.filter(
    ({ name, roles }) => roles.length === 0 || roles.includes(ctx.node.role) || name === broker,
  )
  return wanted.filter(({ name }) => !present.has(name))
}
