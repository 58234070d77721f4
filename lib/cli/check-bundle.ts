import { verifyBundle } from '../bundle/verify-bundle.ts'
import { cleanLine } from '../report/clean-line.ts'
import { printableJson } from '../report/json.ts'
import { formatBytes } from '../report/size.ts'
import { table } from '../report/table.ts'
import type { FileRange } from '../task/task.ts'
import { pathOf } from './bundle-place.ts'
import { bytesDisplay } from './bytes-display.ts'
import type { GlobalOptions, Terminal } from './command.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import type { Lab } from './lab.ts'
import { wantedByLab } from './wanted-by-lab.ts'

/** Tells whether a bundle has all that a lab wants, undamaged, and names every piece that is not so. */
export async function checkBundle(
  terminal: Terminal,
  lab: Lab,
  place: string | FileRange,
  options: GlobalOptions & { readonly json?: boolean },
): Promise<ExitCode> {
  const path = pathOf(place)
  const progress = bytesDisplay(terminal, options, 'reading the bundle')
  const wanted = await wantedByLab(lab)
  const read = { signal: terminal.signal, onProgress: progress.show }
  const verdict = await verifyBundle(place, wanted, lab.topology, read)
    .catch((error) => {
      if (!terminal.signal.aborted) throw error
    })
    .finally(progress.end)
  if (!verdict) return exitCodes.interrupted
  const { faults, pieces, sizeBytes } = verdict
  const isComplete = faults.length === 0
  if (options.json) terminal.write(`${printableJson({ bundle: path, isComplete, ...verdict }, undefined, 2)}\n`)
  else {
    const rows = faults.map(({ fault, name, architecture = '', message }) => [fault, name, architecture, message])
    for (const line of table(rows.map((row) => row.map(cleanLine)))) terminal.write(`${line}\n`)
    const about = `${path}: ${pieces} pieces, ${formatBytes(sizeBytes)}`
    const verb = isComplete ? `complete for lab ${lab.topology.lab}, and undamaged` : faultsInWords(faults.length)
    if (!isComplete || !options.quiet) terminal.error(`${about}: ${verb}\n`)
  }
  return isComplete ? exitCodes.done : exitCodes.bundle
}

const faultsInWords = (count: number) => `${count} ${count === 1 ? 'piece is' : 'pieces are'} missing or wrong`
