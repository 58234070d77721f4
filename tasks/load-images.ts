import { isOfKubeEdge } from '../lib/bundle/needed-images.ts'
import { importMissing } from '../lib/runtime/import-missing.ts'
import {
  checkImages,
  imagesForRole,
  missingImages,
  mustBeBrought,
  namesAsked,
  podNetworkImages,
} from '../lib/runtime/missing-images.ts'
import { type TaskContext, task } from '../lib/task/task.ts'

/** A node of an isolated LAN can pull nothing: whatever it will run is in its runtime before anything asks for it. */
export default task({
  description: "Import the bundle's container images that this node needs for the cluster",
  checks:
    "every image of the bundle that this node needs, but for KubeEdge's, is in its runtime, each the one that the bundle holds",
  changes:
    'imports those that are missing; an image that neither the bundle nor the node has is a failure that names it',

  check: async (ctx) => checkImages(await look(ctx)),

  async run(ctx) {
    const found = await look(ctx)
    await importMissing(ctx, found)
    mustBeBrought(found)
  },
})

/** The cluster waits for these: all but what comes with KubeEdge, unless the pod network runs it as well. */
function look(ctx: TaskContext) {
  const ofNetwork = podNetworkImages(ctx)
  const wanted = imagesForRole(ctx).filter(({ name }) => !isOfKubeEdge(name) || ofNetwork.includes(name))
  return missingImages(ctx, wanted, () => namesAsked(ctx))
}
