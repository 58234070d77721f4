import type { Shell } from '../host/host.ts'
import type { LocatedPiece } from './bundle.ts'
import type { Checksum } from './checksum.ts'
import { fetchFromWeb } from './fetch-from-web.ts'
import { fetchImages } from './fetch-images.ts'
import { fetchPackages } from './fetch-packages.ts'
import type { Puller } from './skopeo.ts'
import type { Mirrors } from './sources.ts'
import type { Wanted } from './wanted.ts'
import type { Web } from './web.ts'
import type { WorkFolder } from './work-folder.ts'

/** What pieces are fetched with. */
export type Means = {
  /** All that the bundle is to hold. */
  readonly wanted: readonly Wanted[]
  readonly work: WorkFolder
  readonly web: Web
  /** Commands of this machine. */
  readonly $: Shell
  readonly mirrors: Mirrors
  readonly puller: Puller
  readonly signal: AbortSignal
  /** A sum that the user gave for a piece. */
  pins(wanted: Wanted): Checksum | undefined
  onProgress(wanted: Wanted, doneBytes: number, totalBytes: number | undefined): void
  /** Waits for one of `--jobs` places. */
  turn<Result>(job: () => Promise<Result>): Promise<Result>
  /** Runs what ends in this piece, or in a failure that is told to the user together with all others. */
  settle(wanted: Wanted, job: () => Promise<LocatedPiece>): Promise<void>
  /** The pieces that are there by now. */
  had(): readonly LocatedPiece[]
}

/** Fetches pieces of one kind. Whatever becomes of each is told by `settle`; only a stop is thrown. */
export type Fetcher = (wanted: readonly Wanted[], means: Means) => Promise<void>

const oneByOne =
  (fetch: (wanted: Wanted, means: Means) => Promise<LocatedPiece>): Fetcher =>
  async (wanted, means) => {
    await Promise.all(wanted.map((each) => means.settle(each, () => means.turn(() => fetch(each, means)))))
  }

/** How each kind of piece is had, where it is not on disk already. */
export const fetchers: Readonly<Record<Wanted['kind'], Fetcher>> = {
  file: oneByOne(fetchFromWeb),
  manifest: oneByOne(fetchFromWeb),
  'vm-image': oneByOne(fetchFromWeb),
  image: fetchImages,
  'os-packages': fetchPackages,
}
