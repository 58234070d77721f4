import { cleanLine } from './clean-line.ts'
import { comparisonHead, comparisonLines, comparisonRows } from './comparison-rows.ts'
import { formatSeconds } from './duration.ts'
import type { Report } from './report.ts'
import { entityHead, entityRows, notes, pathHead, runLines, taskHead, taskRow, wallLine } from './report-table.ts'

export function reportMarkdown({ measures, comparison }: Report): string {
  const path = measures.criticalPath.instances.map(
    ({ id, seconds }) => `1. ${escaped(cleanLine(id))}: ${formatSeconds(seconds)}`,
  )
  return [
    ...runLines(measures).flatMap((line) => [escaped(line), '']),
    ...markdownTable([entityHead(measures), ...entityRows(measures)], 1),
    '',
    wallLine(measures),
    '',
    ...notes.flatMap((note) => [note, '']),
    ...markdownTable([taskHead, ...measures.tasks.map(taskRow)], 3),
    ...(path.length > 0 ? ['', pathHead, '', ...path] : []),
    ...(comparison ? comparisonLines(comparison).flatMap((line) => ['', escaped(line)]) : []),
    ...(comparison ? ['', ...markdownTable([comparisonHead, ...comparisonRows(comparison)], 2)] : []),
    '',
  ].join('\n')
}

/** The columns from `firstNumber` on are aligned to the right. */
function markdownTable(rows: readonly (readonly string[])[], firstNumber: number): readonly string[] {
  const rule = (rows[0] ?? []).map((_, column) => (column >= firstNumber ? '--:' : '---'))
  const [head = [], ...body] = rows.map((row) => row.map(escaped))
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`)
}

const escaped = (text: string): string => text.replace(/[\\|*_`<>[\]]/g, '\\$&')
