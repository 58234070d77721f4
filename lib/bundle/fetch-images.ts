import type { LocatedPiece } from './bundle.ts'
import type { Means } from './fetchers.ts'
import { inspectImage, pullImage, type RemoteImage } from './pull-image.ts'
import type { Wanted } from './wanted.ts'
import { pieceOf } from './work-folder.ts'

type Group = { readonly image: RemoteImage; readonly wanted: Wanted[] }

/** Pulls container images, one that has several names once. */
export async function fetchImages(wanted: readonly Wanted[], means: Means): Promise<void> {
  const groups = new Map<string, Group>()
  await Promise.all(
    wanted.map(async (each) => {
      const looked = await attempt(() => means.turn(() => inspectImage(each.name, architectureOf(each), means.puller)))
      if ('error' in looked) return await means.settle(each, () => Promise.reject(looked.error))
      const { result: image } = looked
      means.onProgress(each, 0, image.sizeBytes || undefined)
      const key = `${image.digest} ${each.architecture}`
      const group = groups.get(key) ?? { image, wanted: [] }
      group.wanted.push(each)
      groups.set(key, group)
    }),
  )
  await Promise.all([...groups.values()].map((group) => means.turn(() => pullGroup(group, means))))
}

async function pullGroup({ image, wanted: [first, ...others] }: Group, means: Means): Promise<void> {
  if (!first) return
  const pulled = attempt(() => pullOne(first, others, image, means))
  await means.settle(first, async () => unwrap(await pulled))
  for (const other of others)
    await means.settle(other, async () => pieceOf(other, { ...unwrap(await pulled), version: other.version }))
}

async function pullOne(
  first: Wanted,
  others: readonly Wanted[],
  image: RemoteImage,
  means: Means,
): Promise<LocatedPiece> {
  const { work } = means
  const path = work.aside(first, '.whole')
  const onProgress = (bytes: number) => means.onProgress(first, bytes, Math.max(bytes, image.sizeBytes))
  const names = [first, ...others].map(({ name }) => name)
  const pull = {
    names,
    architecture: architectureOf(first),
    image,
    path,
    scratch: work.aside(first, '.pull'),
    onProgress,
  }
  await pullImage(pull, means.puller)
  return await work.keep(first, path, { source: image.source, digest: image.digest }, others)
}

/** A container image is always for one machine. */
const architectureOf = ({ architecture }: Wanted) => (architecture === 'all' ? 'amd64' : architecture)

type Attempted<Result> = { readonly result: Result } | { readonly error: unknown }

async function attempt<Result>(job: () => Promise<Result>): Promise<Attempted<Result>> {
  try {
    return { result: await job() }
  } catch (error) {
    return { error }
  }
}

function unwrap<Result>(attempted: Attempted<Result>): Result {
  if ('error' in attempted) throw attempted.error
  return attempted.result
}
