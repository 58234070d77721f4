import { cleanLine } from './clean-line.ts'
import type { Measures } from './measure-run.ts'

const head = [
  'kind',
  'name',
  'phase',
  'step',
  'state',
  'count',
  'seconds',
  'min_seconds',
  'median_seconds',
  'max_seconds',
]

/**
 * Everything under one head, one observation a line, `kind` telling the tables apart: `entity` (a line per phase, and
 * `total`), `task`, `critical-path` (in its order), `run` (wall time).
 */
export function reportCsv(measures: Measures): string {
  const rows: (string | number)[][] = []
  for (const { name, phases, total } of measures.entities) {
    phases.forEach(({ state, seconds }, index) => {
      rows.push(['entity', name, measures.phases[index] ?? '', '', state, '', exact(seconds)])
    })
    rows.push(['entity', name, 'total', '', total.state, '', exact(total.seconds)])
  }
  for (const { task, phase, step, count, alreadyCount, failedCount, ...times } of measures.tasks) {
    const state = failedCount > 0 ? 'incomplete' : count > 0 ? 'built' : alreadyCount > 0 ? 'already' : 'none'
    const seconds = [times.minSeconds, times.medianSeconds, times.maxSeconds].map(exact)
    rows.push(['task', task, phase, step ?? '', state, count, '', ...seconds])
  }
  for (const { id, phase, seconds } of measures.criticalPath.instances) {
    rows.push(['critical-path', id, phase, '', '', '', exact(seconds)])
  }
  rows.push(['run', measures.run.id, 'total', '', measures.run.result, '', exact(measures.wallSeconds)])
  return [head, ...rows].map((row) => `${head.map((_, column) => csvCell(row[column] ?? '')).join(',')}\n`).join('')
}

const exact = (seconds: number): string => seconds.toFixed(3)

/** RFC 4180; a spreadsheet takes a text that begins like a formula for one, so an apostrophe stands before it. */
function csvCell(value: string | number): string {
  const text = cleanLine(String(value))
  const harmless = /^[=+@-]/.test(text) ? `'${text}` : text
  return /[",]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
