import { deliver, forget } from '../lib/bundle/deliver.ts'
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
    for (const image of await missingImages(ctx)) {
      const archive = await deliver(ctx, image)
      await runtimeOf(ctx).importImage(ctx, archive, image.name)
      await forget(ctx, image)
    }
  },
})

async function missingImages(ctx: TaskContext) {
  const present = new Set(await runtimeOf(ctx).imageNames(ctx))
  const wanted = ctx.assets('image').filter(({ roles }) => roles.length === 0 || roles.includes(ctx.node.role))
  return wanted.filter(({ name }) => !present.has(name))
}
