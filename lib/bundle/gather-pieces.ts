import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Failure, TaskError } from '../event/failure.ts'
import { toFailure } from '../host/to-failure.ts'
import type { LocatedPiece } from './bundle.ts'
import { fetchers, type Means } from './fetchers.ts'
import { findPiece } from './find-pieces.ts'
import type { Shelf } from './on-disk.ts'
import type { Progress } from './progress.ts'
import { asNamed, namedImages } from './refine-images.ts'
import { sourceOf } from './sources.ts'
import type { Wanted } from './wanted.ts'
import { fetchSize } from './web.ts'

export type Gathering = Omit<Means, 'onProgress' | 'settle' | 'had'> & {
  readonly shelf: Shelf
  readonly before: readonly LocatedPiece[]
  readonly progress: Progress
  say(text: string): void
}

export type Gathered = {
  /** In the order in which they are wanted. */
  readonly pieces: readonly LocatedPiece[]
  readonly failures: readonly { readonly wanted: Wanted; readonly failure: Failure }[]
  /** Of the pieces, those that were not there before. */
  readonly fetched: readonly LocatedPiece[]
}

/**
 * Has every piece that is wanted: found, or else fetched. One that cannot be had is a failure beside the others, which are
 * fetched all the same; throws only when it is stopped, or when there is no room for what is known to come.
 */
export async function gatherPieces(wanted: readonly Wanted[], gathering: Gathering): Promise<Gathered> {
  const { progress, signal, say } = gathering
  const had = new Map<Wanted, LocatedPiece>()
  const fetched = new Set<LocatedPiece>()
  const failures: { wanted: Wanted; failure: Failure }[] = []
  const note = async (each: Wanted, job: () => Promise<LocatedPiece | undefined>) => {
    try {
      const piece = await job()
      if (piece) had.set(each, piece)
      return piece
    } catch (error) {
      if (!signal.aborted) failures.push({ wanted: each, failure: toFailure(error) })
      return 'failed'
    }
  }
  const means: Means = {
    ...gathering,
    onProgress: (each, done, total) => progress.advance(keyOf(each), done, total),
    had: () => [...had.values()],
    async settle(each, job) {
      const piece = await note(each, job)
      progress.finish(keyOf(each))
      if (piece && piece !== 'failed') fetched.add(piece)
    },
  }
  const obtain = async (list: readonly Wanted[]) => {
    const looked = await Promise.all(
      list.map(async (each) =>
        (await note(each, () => gathering.turn(() => findPiece(each, gathering)))) ? [] : [each],
      ),
    )
    const missing = looked.flat()
    signal.throwIfAborted()
    await expectSizes(missing, gathering)
    await Promise.all(
      Object.entries(fetchers).map(([kind, fetch]) => {
        const ofKind = missing.filter((each) => each.kind === kind)
        return ofKind.length > 0 ? fetch(ofKind, means) : undefined
      }),
    )
    signal.throwIfAborted()
  }

  const images = wanted.filter(({ kind }) => kind === 'image')
  const packages = wanted.filter(({ kind }) => kind === 'os-packages')
  const others = wanted.filter(({ kind }) => kind !== 'image' && kind !== 'os-packages')
  await Promise.all([obtain(others), obtain(images.filter(({ anyTag }) => !anyTag))])
  const guessed = images.filter(({ anyTag }) => anyTag)
  const named = guessed.length > 0 ? asNamed(guessed, await namedImages(means, say)) : []
  // What packages there have to be is worked out against the VM image.
  await Promise.all([obtain(named), obtain(packages)])

  const all = [...wanted.filter((each) => !guessed.includes(each)), ...named]
  failures.sort((a, b) => all.indexOf(a.wanted) - all.indexOf(b.wanted))
  const pieces = all.flatMap((each) => had.get(each) ?? [])
  return { pieces, failures, fetched: [...fetched] }
}

export const keyOf = ({ kind, name, architecture }: Wanted): string => `${kind} ${architecture} ${name}`

/** A glance at what comes: for the time that is left, and to refuse at once what would fill the disk. */
async function expectSizes(missing: readonly Wanted[], gathering: Gathering): Promise<void> {
  const { progress, mirrors, signal, turn, work } = gathering
  const web = { ...gathering.web, attempts: 1, stallSeconds: Math.min(10, gathering.web.stallSeconds) }
  const sizes = await Promise.all(
    missing.map(async (each) => {
      const source = sourceOf(each, mirrors)
      // What it cannot be told now is tried again, and complained of, when it is fetched.
      const size = source ? await turn(() => fetchSize(source.url, web, signal)).catch(() => undefined) : undefined
      progress.expect(keyOf(each), size)
      return size ?? 0
    }),
  )
  signal.throwIfAborted()
  refuseWithoutRoom(
    work.folder,
    sizes.reduce((sum, size) => sum + size, 0),
  )
}

/** Throws a TaskError of kind `refused` where a folder, or the one that it will be made in, has no room for so many bytes. */
export function refuseWithoutRoom(folder: string, bytes: number): void {
  const free = freeBytes(folder)
  if (free === undefined || bytes <= free) return
  const mebibytes = (count: number) => `${Math.ceil(count / 2 ** 20)} MiB`
  throw new TaskError({
    kind: 'refused',
    message: `no space for the bundle in ${dirname(folder)}: ${mebibytes(bytes)} are to come, ${mebibytes(free)} are free`,
    cure: 'make room, or name another place with -o',
  })
}

function freeBytes(folder: string): number | undefined {
  for (let path = folder; ; path = dirname(path)) {
    try {
      const { bavail, bsize } = statfsSync(path)
      return bavail * bsize
    } catch {
      if (dirname(path) === path) return undefined
    }
  }
}
