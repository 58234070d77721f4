import { lastVersion } from '../clean-line.ts'
import type { Comparison } from '../compare-measures.ts'
import { comparisonHead, comparisonLines, comparisonRows } from '../comparison-rows.ts'
import { formatSeconds } from '../duration.ts'
import { groupFailures } from '../group-failures.ts'
import type { Measures } from '../measure-run.ts'
import { entityHead, entityRows, taskHead, taskRow } from '../report-table.ts'
import { escaped } from './escape.ts'

export type Indices = ReadonlyMap<string, number>

/** The few figures that the report is opened for. */
export function figuresHtml({ wallSeconds, criticalPath, run, earlier }: Measures): string {
  const count = (state: string) => run.instances.filter((instance) => instance.state === state).length
  const failed = count('failed')
  const stopped = count('interrupted') + count('unfinished')
  const figures: readonly (readonly [string, string, string?])[] = [
    ['wall time', formatSeconds(wallSeconds)],
    ['critical path', formatSeconds(criticalPath.seconds)],
    ...(criticalPath.seconds > 0 && earlier.length === 0
      ? [['wall time to critical path', (wallSeconds / criticalPath.seconds).toFixed(2)] as const]
      : []),
    ['done', String(count('finished'))],
    ['were so already', String(count('already-done'))],
    ...(failed > 0 ? [['failed', String(failed), 'bad'] as const] : []),
    ...(stopped > 0 ? [['stopped', String(stopped), 'bad'] as const] : []),
    ...(count('held-back') > 0 ? [['held back', String(count('held-back')), 'bad'] as const] : []),
  ]
  const items = figures.map(
    ([name, text, tone]) => `<div${tone ? ` class="${tone}"` : ''}><dt>${name}</dt><dd>${text}</dd></div>`,
  )
  return `<dl class="figures">${items.join('')}</dl>\n`
}

/** Each failure once, with what is known of it and the nodes that it hit. */
export function failuresHtml({ run }: Measures, indices: Indices): string {
  const groups = groupFailures(run.instances)
  if (groups.length === 0) return ''
  const items = groups.map(({ first, failure, instances, heldBack }) => {
    const facts: readonly (readonly [string, string | number | undefined])[] = [
      ['command', failure.command],
      ['exit code', failure.exitCode],
      ['cause', failure.cause],
      ['cure', failure.cure],
      ['held back', heldBack.length > 0 ? heldBack.length : undefined],
    ]
    const known = facts.flatMap(([name, text]) =>
      text === undefined ? [] : [`<dt>${name}</dt><dd>${escaped(String(text))}</dd>`],
    )
    const last = (failure.lastLines ?? []).map((line) => escaped(lastVersion(line)))
    const lines = last.length > 0 ? `<pre>${last.join('\n')}</pre>` : ''
    return `<li><strong>✗ ${escaped(first.task)}</strong> ${escaped(failure.message)}<dl>${known.join('')}</dl>${lines}
<p class="on">${instances.map(({ id, node }) => logButton(id, node, indices)).join(' ')}</p></li>`
  })
  return `<section aria-labelledby="failures-head"><h2 id="failures-head">What failed</h2><ul class="failures">${items.join('\n')}</ul></section>\n`
}

export function pathHtml({ criticalPath }: Measures, indices: Indices): string {
  const items = criticalPath.instances.map(
    ({ id, seconds }) => `<li>${logButton(id, id, indices)} <span class="number">${formatSeconds(seconds)}</span></li>`,
  )
  return items.length > 0 ? `<ol class="path-list">${items.join('\n')}</ol>\n` : '<p>Nothing ran.</p>\n'
}

const logButton = (id: string, text: string, indices: Indices): string =>
  `<button type="button" class="link" data-i="${indices.get(id) ?? ''}">${escaped(text)}</button>`

export const entityTable = (measures: Measures): string =>
  tableHtml('Seconds per entity and phase', [entityHead(measures), ...entityRows(measures)], 1)

export const taskTable = ({ tasks }: Measures): string =>
  tableHtml('Seconds per task', [taskHead, ...tasks.map(taskRow)], 3, 1)

export function comparisonHtml(comparison: Comparison): string {
  const lines = comparisonLines(comparison).map((line) => `<li>${escaped(line)}</li>`)
  const rows = [comparisonHead, ...comparisonRows(comparison)]
  return `<section aria-labelledby="compared-head"><h2 id="compared-head">Compared</h2>
<ul class="notes">${lines.join('')}</ul>
${tableHtml('This run beside the other', rows, 2)}</section>
`
}

/** The first row is the head. Columns from `firstNumber` on are aligned to the right; `headColumn` names its row. */
function tableHtml(
  caption: string,
  [head = [], ...rows]: readonly (readonly string[])[],
  firstNumber: number,
  headColumn = 0,
): string {
  const align = (column: number) => (column >= firstNumber ? ' class="number"' : '')
  const heads = head.map((cell, column) => `<th scope="col"${align(column)}>${escaped(cell)}</th>`)
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) =>
      column === headColumn ? `<th scope="row">${escaped(cell)}</th>` : `<td${align(column)}>${escaped(cell)}</td>`,
    )
    return `<tr>${cells.join('')}</tr>`
  })
  return `<div class="table" role="region" aria-label="${escaped(caption)}" tabindex="0"><table><caption>${escaped(caption)}</caption><thead><tr>${heads.join('')}</tr></thead>
<tbody>${lines.join('\n')}</tbody></table></div>
`
}
