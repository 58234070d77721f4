import type { Gathered } from '../bundle/gather-pieces.ts'
import { storedBytes } from '../bundle/manifest.ts'
import type { PlannedPiece } from '../bundle/plan-bundle.ts'
import { cleanLine } from '../report/clean-line.ts'
import { formatSeconds } from '../report/duration.ts'
import { formatBytes } from '../report/size.ts'
import { table } from '../report/table.ts'

/** What `kedge bundle create` made. */
export function createdText(bundle: string, { pieces, fetched }: Gathered, seconds: number): string {
  const total = storedBytes(pieces)
  const came = fetched.length > 0 ? `, ${formatBytes(storedBytes(fetched))} of it fetched` : ''
  return `${bundle}: ${count(pieces.length, 'piece')}, ${formatBytes(total)}${came}, in ${formatSeconds(seconds)}\n`
}

/** What could not be had, and why. */
export function failuresText(failures: Gathered['failures'], wanted: number): string {
  const lines = failures.flatMap(({ wanted: { name, version, architecture, kind }, failure }) => {
    const what = kind === 'image' ? `${name} (${architecture})` : `${name} ${version} (${architecture})`
    return [`  ${what}: ${cleanLine(failure.message)}`, ...(failure.cure ? [`    ${cleanLine(failure.cure)}`] : [])]
  })
  return `kedge: ${failures.length} of ${count(wanted, 'piece')} cannot be had; what has arrived is kept
${lines.join('\n')}
`
}

const signs = { there: '=', fetch: '+', nowhere: '!' } as const

/** What would be fetched. */
export function plannedText(pieces: readonly PlannedPiece[]): string {
  const rows = pieces.map(({ state, name, version, kind, architecture, sizeBytes, source, checkedBy, problem }) => [
    signs[state],
    kind === 'image' ? name : `${name} ${version}`,
    architecture,
    sizeBytes === undefined ? '?' : formatBytes(sizeBytes),
    cleanLine(problem ?? `${source}${checkedBy === 'nothing' ? ' (no checksum is published)' : ''}`),
  ])
  const toFetch = pieces.filter(({ state }) => state === 'fetch')
  const unknown = toFetch.filter(({ sizeBytes }) => sizeBytes === undefined).length
  const bytes = toFetch.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0)
  const nowhere = pieces.filter(({ state }) => state === 'nowhere').length
  const total = `${count(toFetch.length, 'piece')} to fetch, ${formatBytes(bytes)}${unknown > 0 ? ` and ${unknown} of unknown size` : ''}`
  const given = nowhere > 0 ? `, ${nowhere} to be given with --from` : ''
  return `${table(rows, { align: ['left', 'left', 'left', 'right', 'left'] }).join('\n')}\n\n${total}${given}\n`
}

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`
