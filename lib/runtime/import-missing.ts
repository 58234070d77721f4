import { deliverAll, forget } from '../bundle/deliver.ts'
import type { TaskContext } from '../task/task.ts'
import type { MissingImages } from './missing-images.ts'
import { runtimeOf } from './runtime.ts'

/** Brings the images that a look has missed to the node and into its runtime, and takes what was sent off its disk again. */
export async function importMissing(ctx: TaskContext, { missing }: MissingImages): Promise<void> {
  const images = missing.map(({ image }) => image)
  const paths = await deliverAll(ctx, images)
  if (images.length > 0)
    await runtimeOf(ctx).importImages(
      ctx,
      images.map(({ name, sha256 }) => ({ name, path: paths.get(sha256) as string })),
    )
  await forget(ctx, paths.values())
}
