import { deliverAll, forget } from '../lib/bundle/deliver.ts'
import { edgeBroker } from '../lib/kubeedge/mqtt.ts'
import { checkImages, missingImages, mustBeBrought } from '../lib/runtime/missing-images.ts'
import { runtimeOf } from '../lib/runtime/runtime.ts'
import { type Asset, type TaskContext, task } from '../lib/task/task.ts'

/** A node of an isolated LAN can pull nothing: whatever it will run is in its runtime before anything asks for it. */
export default task({
  description: "Import the bundle's container images that this node needs",
  checks: 'every image of the bundle that this node needs is in its runtime, each the one that the bundle holds',
  changes:
    'imports those that are missing; an image that neither the bundle nor the node has is a failure that names it',

  check: async (ctx) => checkImages(await missingImages(ctx, wantedImages(ctx))),

  async run(ctx) {
    const found = await missingImages(ctx, wantedImages(ctx))
    const images = found.missing.map(({ image }) => image)
    const paths = await deliverAll(ctx, images)
    if (images.length > 0)
      await runtimeOf(ctx).importImages(
        ctx,
        images.map(({ name, sha256 }) => ({ name, path: paths.get(sha256) as string })),
      )
    await forget(ctx, paths.values())
    mustBeBrought(found)
  },
})

function wantedImages(ctx: TaskContext): readonly Asset[] {
  const images = ctx.assets('image')
  const broker = edgeBroker(
    ctx,
    images.map(({ name }) => name),
  )
  return images.filter(({ name, roles }) => roles.length === 0 || roles.includes(ctx.node.role) || name === broker)
}
