import type { LocatedPiece } from '../bundle/bundle.ts'
import type { ReadOptions } from '../bundle/damaged-pieces.ts'
import { type Fault, surveyBundle, verifyBundle } from '../bundle/verify-bundle.ts'
import type { Wanted } from '../bundle/wanted.ts'
import { TaskError } from '../event/failure.ts'
import { formatBytes } from '../report/size.ts'
import type { FileRange } from '../task/task.ts'
import type { Topology } from '../topology/topology.ts'
import { type Finding, fail, ok } from './finding.ts'

export type BundleQuestion = {
  readonly topology: Topology
  /** The folder, the file, or the part of one; undefined where the lab names none. */
  readonly place: string | FileRange | undefined
  readonly wanted: readonly Wanted[]
  /** Reads every byte, which takes minutes; otherwise names and sizes alone. */
  readonly full?: ReadOptions
}

export type BundleReport = { readonly findings: readonly Finding[]; readonly pieces?: readonly LocatedPiece[] }

/** More lines than that say no more. */
const mostFaults = 6

/** Whether the bundle is there and has all that the lab's tasks ask for. */
export async function lookAtBundle({ topology, place, wanted, full }: BundleQuestion): Promise<BundleReport> {
  const what = 'bundle'
  const create = 'kedge bundle create -o kedge.bundle where there is internet'
  if (place === undefined) {
    if (wanted.length === 0) return { findings: [ok(what, 'none, and no task asks for one')] }
    const cure = `${create}; then name it in ${topology.file}: bundle: ./kedge.bundle`
    return { findings: [fail(what, `the lab has none, and its tasks want ${wanted.length} pieces`, cure, 'bundle')] }
  }
  const path = typeof place === 'string' ? place : place.path
  try {
    const { pieces, faults: seen } = surveyBundle(place, wanted, topology)
    const faults = full ? (await verifyBundle(place, wanted, topology, full)).faults : seen
    const sizeBytes = pieces.reduce((sum, piece) => sum + piece.sizeBytes, 0)
    if (faults.length === 0) {
      const read = full ? 'complete and undamaged' : 'complete by names and sizes (--full reads it all)'
      return { pieces, findings: [ok(what, `${path}: ${pieces.length} pieces, ${formatBytes(sizeBytes)}, ${read}`)] }
    }
    const findings = faults.slice(0, mostFaults).map(({ fault, name, architecture, message }) => {
      const of = architecture && architecture !== 'all' ? `${name} (${architecture})` : name
      return fail(what, `${path}: ${of} is ${words[fault]}: ${message}`, cures[fault], 'bundle')
    })
    const more = faults.length - findings.length
    const rest = more > 0 ? [fail(what, `and ${more} more`, 'kedge bundle verify names them all', 'bundle')] : []
    return { pieces, findings: [...findings, ...rest] }
  } catch (error) {
    if (!(error instanceof TaskError) || error.failure.kind !== 'bundle') throw error
    const { message, cure } = error.failure
    return { findings: [fail(what, message, [create, ...(cure ? [cure] : [])].join('; or '), 'bundle')] }
  }
}

const words = {
  missing: 'missing',
  damaged: 'damaged',
  architecture: 'of the wrong architecture',
  version: 'of another version',
  name: 'under a wrong name',
} as const satisfies Record<Fault['fault'], string>

const again = 'kedge bundle create makes it anew where there is internet, and fetches only what is not there'
const cures = {
  missing: again,
  damaged: 'copy the bundle here again; kedge bundle verify says whether it is whole',
  architecture: again,
  version: again,
  name: again,
} as const satisfies Record<Fault['fault'], string>
