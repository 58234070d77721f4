import { createHash } from 'node:crypto'
import { cleanLine } from '../clean-line.ts'
import type { Report } from '../report.ts'
import { notes, runLines } from '../report-table.ts'
import dialogStyle from './dialog.css' with { type: 'text' }
import { dataElement, escaped } from './escape.ts'
import { instanceDetails, logElements } from './instances.ts'
import pageStyle from './page.css' with { type: 'text' }
import script from './page.js' with { type: 'text' }
import printStyle from './print.css' with { type: 'text' }
import { rowsOf } from './rows.ts'
import { comparisonHtml, entityTable, failuresHtml, figuresHtml, pathHtml, taskTable } from './sections.ts'
import { taskGraphHtml } from './task-graph.ts'
import { timeAxis } from './time-axis.ts'
import timeLineStyle from './time-line.css' with { type: 'text' }
import { timeLineHtml } from './time-line.ts'
import { waitingOf } from './waiting.ts'

// The last word is the printer's.
const styles = [pageStyle, timeLineStyle, dialogStyle, printStyle].join('\n')

/** The page's own script and style run, and nothing else: no text of a node, and nothing from any network. */
const policy = [
  "default-src 'none'",
  `script-src 'sha256-${digest(script)}'`,
  `style-src 'sha256-${digest(styles)}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

/** One page that needs nothing beside it: no network, no other file. */
export function reportHtml({ measures, facts, comparison, logs }: Report): string {
  const { run } = measures
  const instances = run.instances.filter(({ state }) => state !== 'not-selected')
  const indices = new Map<string, number>(instances.map(({ id }, index) => [id, index]))
  const waiting = waitingOf(instances, facts.waits)
  const axis = timeAxis(run, instances)
  const nodes = new Set(['hypervisor', ...facts.roles.keys(), ...instances.map(({ node }) => node)])
  const rows = rowsOf(instances, [...nodes], axis, waiting)
  const path = measures.criticalPath.instances.flatMap(({ id }) => indices.get(id) ?? [])
  const [title = '', ...earlier] = runLines(measures)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escaped(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escaped(`${run.lab}: run ${run.id}`)}</title>
<style>${styles}</style>
</head>
<body>
<header>
<h1>${escaped(title)}</h1>
${earlier.map((line) => `<p>${escaped(line)}</p>\n`).join('')}<button type="button" id="theme" hidden></button>
</header>
<main>
${figuresHtml(measures)}${failuresHtml(measures, indices)}
<section aria-labelledby="time-head">
<h2 id="time-head">Time line</h2>
<p class="help">A row per node, a bar per task. A click, or Enter, opens what it printed. Arrow keys go from bar to bar, Escape closes.</p>
${controls}${timeLineHtml({ axis, rows, path })}${legend}
</section>
<section aria-labelledby="entities-head">
<h2 id="entities-head">Entities</h2>
${entityTable(measures)}<ul class="notes">${notes.map((note) => `<li>${escaped(note)}</li>`).join('')}</ul>
</section>
<section aria-labelledby="tasks-head">
<h2 id="tasks-head">Tasks</h2>
${taskTable(measures)}</section>
${comparison ? comparisonHtml(comparison) : ''}<section aria-labelledby="path-head">
<h2 id="path-head">Critical path</h2>
${pathHtml(measures, indices)}</section>
<section aria-labelledby="graph-head">
<h2 id="graph-head">Graph of tasks</h2>
<p class="help">A task stands below all that it waits for. A click, or Enter, lists where it ran.</p>
${taskGraphHtml(measures, facts.waits)}</section>
</main>
<footer>Written by kedge ${escaped(cleanLine(run.kedge))}. This page asks no network for anything.</footer>
<dialog id="dialog" aria-labelledby="dialog-head"><form method="dialog"><h2 id="dialog-head"></h2><button id="close" aria-label="close">✕</button></form><div id="dialog-body"></div></dialog>
${dataElement('instances', instanceDetails(instances, facts.waits, waiting, run.id))}${logElements(instances, logs(instances)).join('')}<script>${script}</script>
</body>
</html>
`
}

const controls = `<div class="controls" id="controls" hidden>
<label>nodes <input type="search" id="filter" placeholder="part of a name"></label>
<label><input type="checkbox" id="only-failed"> only where something failed</label>
<span role="group" aria-label="zoom"><button type="button" id="zoom-out" aria-label="zoom out">−</button><button type="button" id="zoom-fit">fit</button><button type="button" id="zoom-in" aria-label="zoom in">+</button></span>
<span id="shown" role="status"></span>
</div>
`

const legend = `<ul class="legend" aria-label="what the colours mean">${[
  ['configuration', 'configuration'],
  ['installation', 'installation'],
  ['verification', 'verification'],
  ['already-done', 'was so already'],
  ['failed', '✗ failed'],
  ['held-back', 'held back'],
  ['interrupted', 'stopped, pending'],
  ['path', 'critical path'],
  ['queued', 'ready, no job free'],
  ['paused', 'waits for another node'],
]
  .map(([name, text]) => `<li><span class="key ${name}"></span>${text}</li>`)
  .join('')}</ul>
`

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
