import { cleanLine } from './clean-line.ts'
import type { Compared } from './compare-measures.ts'
import { medianSpan } from './measure-run.ts'
import type { Report } from './report.ts'

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
/** Of the run that it is compared with; for a task these are medians. */
const comparisonHead = ['against_seconds', 'difference_seconds', 'difference_percent']

/**
 * Everything under one head, one observation a line, `kind` telling the tables apart: `entity` (a line per phase, and
 * `total`, `critical`), `task`, `critical-path` (in its order), `run` (wall time).
 */
export function reportCsv({ measures, comparison }: Report): string {
  const rows: (string | number)[][] = []
  const add = (row: readonly (string | number)[], compared?: Compared) => {
    const cells = head.map((_, column) => row[column] ?? '')
    rows.push(comparison ? [...cells, ...comparedCells(compared)] : cells)
  }
  for (const { name, phases, total, criticalSeconds } of measures.entities) {
    const both = comparison?.entities.find((entity) => entity.name === name)
    phases.forEach(({ state, seconds }, index) => {
      const phase = measures.phases[index] ?? ''
      add(['entity', name, phase, '', state, '', exact(seconds)], both?.phases[comparison?.phases.indexOf(phase) ?? -1])
    })
    add(['entity', name, 'total', '', total.state, '', exact(total.seconds)], both?.total)
    add(['entity', name, 'critical', '', '', '', exact(criticalSeconds)])
  }
  for (const times of measures.tasks) {
    const seconds = [times.minSeconds, times.medianSeconds, times.maxSeconds].map(exact)
    const { task, phase, step, count } = times
    const medians = comparison?.tasks.find((one) => one.task === task)
    add(['task', task, phase, step ?? '', medianSpan(times).state, count, '', ...seconds], medians)
  }
  for (const { id, phase, seconds } of measures.criticalPath.instances) {
    add(['critical-path', id, phase, '', '', '', exact(seconds)])
  }
  const { run, wallSeconds } = measures
  add(['run', run.id, 'total', '', run.result, '', exact(wallSeconds)], comparison?.wall)
  return [comparison ? [...head, ...comparisonHead] : head, ...rows]
    .map((row) => `${row.map(csvCell).join(',')}\n`)
    .join('')
}

const comparedCells = ({ againstSpan, differenceSeconds, differencePercent }: Compared = {}) => [
  againstSpan ? exact(againstSpan.seconds) : '',
  differenceSeconds === undefined ? '' : exact(differenceSeconds),
  differencePercent === undefined ? '' : differencePercent.toFixed(1),
]

const exact = (seconds: number): string => seconds.toFixed(3)

/** RFC 4180; a spreadsheet takes a text that begins like a formula for one, so an apostrophe stands before it. */
function csvCell(value: string | number): string {
  const text = cleanLine(String(value))
  const harmless = /^[=+@-]/.test(text) && !/^-[\d.]+$/.test(text) ? `'${text}` : text
  return /[",]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
