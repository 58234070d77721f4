import { imageId } from '../bundle/image-id.ts'
import { imagesIn } from '../bundle/lacking.ts'
import { readAsset } from '../bundle/read-asset.ts'
import { TaskError } from '../event/failure.ts'
import { type Asset, type Check, doneIf, firstPending, type TaskContext } from '../task/task.ts'
import { type RuntimeImage, runtimeOf } from './runtime.ts'

export type MissingImages = {
  /** Of the bundle's images those that the runtime lacks; `isOther` where another one goes by the name. */
  readonly missing: readonly { readonly image: Asset; readonly isOther: boolean }[]
  /** Names that the node will ask for and that neither it nor the bundle has. */
  readonly absent: readonly string[]
}

/** Looks at what a node's runtime has of the bundle's images that it is to have, and of what else it will ask for by name. */
export async function missingImages(
  ctx: TaskContext,
  wanted: readonly Asset[],
  asked: () => Promise<readonly string[]> = async () => [],
): Promise<MissingImages> {
  const [present, names] = await Promise.all([runtimeOf(ctx).images(ctx), asked()])
  const missing = wanted.flatMap((image) => {
    const named = present.filter(({ name }) => name === image.name)
    return named.some((found) => isSame(found, image)) ? [] : [{ image, isOther: named.length > 0 }]
  })
  const known = new Set([...present, ...wanted].map(({ name }) => name))
  return { missing, absent: [...new Set(names)].filter((name) => !known.has(name)) }
}

export function checkImages({ missing, absent }: MissingImages): Promise<Check> {
  const names = missing.map(({ image, isOther }) => `${image.name}${isOther ? ' (another image has this name)' : ''}`)
  return firstPending(
    () => doneIf(names.length === 0, `not imported: ${names.join(', ')}`),
    () => doneIf(absent.length === 0, `neither there nor in the bundle: ${absent.join(', ')}`),
  )
}

/** Throws a TaskError of kind `bundle` where something is named that nobody can bring. */
export function mustBeBrought({ absent }: MissingImages): void {
  if (absent.length === 0) return
  throw new TaskError({
    kind: 'bundle',
    message: `the runtime's configuration or the pod network's manifest names what neither the node nor the bundle has: ${absent.join(', ')}`,
    cure: 'add them to the bundle (kedge bundle create does), or name there what the bundle has',
  })
}

/** The bundle's images for nodes of this role. */
export const imagesForRole = ({ assets, node }: TaskContext): readonly Asset[] =>
  assets('image').filter(({ roles }) => roles.length === 0 || roles.includes(node.role))

/** What the runtime's own configuration and the pod network's manifest name. */
export async function namesAsked(ctx: TaskContext): Promise<readonly string[]> {
  const sandbox = await runtimeOf(ctx).configuredSandbox(ctx)
  return [...(sandbox ? [sandbox] : []), ...podNetworkImages(ctx)]
}

/** A tag may have moved to other content, so the name alone is not enough where more can be told. */
function isSame({ id }: RuntimeImage, image: Asset): boolean {
  const wanted = imageId(image)
  return id === undefined || wanted === undefined || id === wanted
}

/** What the pod network's manifest runs on cloud nodes. By its digest an image cannot be asked for: archives have none. */
export function podNetworkImages({ node, topology, assets }: TaskContext): readonly string[] {
  const isUsed = topology.tasks.some(
    ({ name, removed, sh, script }) => name === 'install-network' && !removed && !sh && !script,
  )
  const manifest = assets('manifest').find(({ name }) => name === 'pod-network')
  if (node.role === 'edge' || !isUsed || !manifest) return []
  return imagesIn(readAsset(manifest)).filter((name) => !name.includes('@'))
}
