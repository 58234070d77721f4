import { cleanLine } from './clean-line.ts'
import type { Compared, Comparison } from './compare-measures.ts'
import { runWords } from './run-words.ts'
import { spanCell } from './span-cell.ts'

export const comparisonHead = ['', '', 'this (s)', 'that (s)', 'more (s)', 'more (%)'] as const

/** Which run is compared with which. */
export const comparisonLines = ({ measures, against }: Comparison): readonly string[] => [
  'Compared with another run; more than 0 is slower. Tasks by their median.',
  `this  ${runWords(measures.run)}`,
  `that  ${runWords(against.run)}`,
]

/** A row per entity and phase, per task, and for the whole; rows of which neither run has anything are left out. */
export function comparisonRows(comparison: Comparison): readonly (readonly string[])[] {
  const { phases, entities, tasks, wall, criticalPath } = comparison
  const rows: (readonly [string, string, Compared])[] = []
  for (const { name, phases: its, total } of entities) {
    its.forEach((compared, index) => {
      rows.push([name, phases[index] ?? '', compared])
    })
    rows.push([name, 'total', total])
  }
  for (const { task, ...compared } of tasks) rows.push([task, 'median', compared])
  rows.push(['run', 'wall time', wall], ['run', 'critical path', criticalPath])
  return rows
    .filter(([, , { span, againstSpan }]) => [span, againstSpan].some((each) => each && each.state !== 'none'))
    .map(([name, what, compared]) => [cleanLine(name), cleanLine(what), ...comparedCells(compared)])
}

export const comparedCells = ({ span, againstSpan, differenceSeconds, differencePercent }: Compared) => [
  span ? spanCell(span) : '-',
  againstSpan ? spanCell(againstSpan) : '-',
  differenceSeconds === undefined ? '' : signed(differenceSeconds, 1),
  differencePercent === undefined ? '' : signed(differencePercent, Math.abs(differencePercent) < 10 ? 1 : 0),
]

/** `+1.2`, `-0.3`, `0.0`. */
function signed(amount: number, digits: number): string {
  const text = amount.toFixed(digits)
  const isZero = Number(text) === 0
  return isZero ? (0).toFixed(digits) : amount > 0 ? `+${text}` : text
}
