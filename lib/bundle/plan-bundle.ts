import { toFailure } from '../host/to-failure.ts'
import { findPiece } from './find-pieces.ts'
import type { Gathering } from './gather-pieces.ts'
import { packageSets } from './package-sets.ts'
import { inspectImage } from './pull-image.ts'
import { sourceOf } from './sources.ts'
import type { Wanted } from './wanted.ts'
import { fetchSize } from './web.ts'

/** What would become of one piece. */
export type PlannedPiece = Pick<Wanted, 'name' | 'kind' | 'version' | 'architecture'> & {
  readonly state: 'there' | 'fetch' | 'nowhere'
  readonly source: string
  /** Undefined where the server does not say. */
  readonly sizeBytes?: number
  /** How it will be known that the right bytes came. */
  readonly checkedBy?: 'published sum' | 'pinned sum' | 'digest' | 'nothing'
  /** What stands in the way. */
  readonly problem?: string
}

/** Looks for every piece and asks where the missing ones are published; fetches nothing but that. */
export async function planBundle(
  wanted: readonly Wanted[],
  gathering: Omit<Gathering, 'progress' | 'say'>,
): Promise<readonly PlannedPiece[]> {
  const quick = { ...gathering.web, attempts: 1, stallSeconds: Math.min(10, gathering.web.stallSeconds) }
  const hurried = { ...gathering, web: quick, puller: { ...gathering.puller, web: quick } }
  const planned = wanted.map((each) => gathering.turn(() => planPiece(each, hurried)))
  return await Promise.all(planned)
}

async function planPiece(wanted: Wanted, gathering: Omit<Gathering, 'progress' | 'say'>): Promise<PlannedPiece> {
  const { kind, name, version, architecture } = wanted
  const row = { name, kind, version, architecture }
  const { mirrors, web, signal } = gathering
  const onDisk = gathering.shelf(wanted)
  if (onDisk) return { ...row, state: 'there', source: onDisk.path, sizeBytes: onDisk.sizeBytes }
  const found = await findPiece(wanted, gathering)
  if (found) return { ...row, state: 'there', source: found.source ?? found.path, sizeBytes: found.sizeBytes }
  if (kind === 'image')
    return await asked({ ...row, state: 'fetch', source: name, checkedBy: 'digest' }, signal, async () => {
      const machine = architecture === 'all' ? 'amd64' : architecture
      return (await inspectImage(name, machine, gathering.puller)).sizeBytes || undefined
    })
  if (kind === 'os-packages' && packageSets[name])
    return { ...row, state: 'fetch', source: 'the archives that the VM image names', checkedBy: 'published sum' }
  const source = sourceOf(wanted, mirrors)
  if (!source) return { ...row, state: 'nowhere', source: '-', problem: 'to be given with --from' }
  const isPinned = gathering.pins(wanted) !== undefined || (source.checksum && 'hex' in source.checksum)
  const checkedBy = isPinned ? 'pinned sum' : source.checksum ? 'published sum' : 'nothing'
  const planned = { ...row, state: 'fetch', source: source.url, checkedBy } as const
  return await asked(planned, signal, () => fetchSize(source.url, web, signal))
}

async function asked(
  planned: PlannedPiece,
  signal: AbortSignal,
  sizeOf: () => Promise<number | undefined>,
): Promise<PlannedPiece> {
  try {
    const sizeBytes = await sizeOf()
    return sizeBytes === undefined ? planned : { ...planned, sizeBytes }
  } catch (error) {
    signal.throwIfAborted()
    return { ...planned, problem: toFailure(error).message }
  }
}
