import { isOfKubeEdge } from '../lib/bundle/needed-images.ts'
import { edgeBroker } from '../lib/kubeedge/mqtt.ts'
import { importMissing } from '../lib/runtime/import-missing.ts'
import { checkImages, imagesForRole, missingImages } from '../lib/runtime/missing-images.ts'
import { type TaskContext, task } from '../lib/task/task.ts'

/** Apart from the cluster's, which the control plane waits for: these are imported while it comes up. */
export default task({
  description: "Import KubeEdge's container images that this node needs, and the smoke pod's",
  checks:
    "every image of KubeEdge's in the bundle that this node needs is in its runtime, each the one that the bundle holds",
  changes: 'imports those that are missing',
  check: async (ctx) => checkImages(await look(ctx)),
  run: async (ctx) => importMissing(ctx, await look(ctx)),
})

function look(ctx: TaskContext) {
  const names = ctx.assets('image').map(({ name }) => name)
  const broker = edgeBroker(ctx, names)
  const ofRole = new Set(imagesForRole(ctx))
  const wanted = ctx
    .assets('image')
    .filter((image) => image.name === broker || (ofRole.has(image) && isOfKubeEdge(image.name)))
  return missingImages(ctx, wanted)
}
