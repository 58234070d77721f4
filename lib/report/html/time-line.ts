import { escaped } from './escape.ts'
import { lookOf } from './look.ts'
import type { Bar, Row } from './rows.ts'
import { stateWords } from './state-words.ts'
import type { TimeAxis } from './time-axis.ts'

export type TimeLine = {
  readonly axis: TimeAxis
  readonly rows: readonly Row[]
  /** Indices of the critical path's instances, in its order. */
  readonly path: readonly number[]
}

/** From so many rows on the lanes are thin and without names. */
const mostWideRows = 40
const headPixels = 28
/** What is shorter has no room for its name until it is zoomed. */
const shortPercent = 3.5

/** A row per node, a bar per instance, above them the critical path as a row of its own. */
export function timeLineHtml({ axis, rows, path }: TimeLine): string {
  const isDense = rows.length > mostWideRows
  const lanePixels = isDense ? 11 : 22
  const onPath = new Set(path)
  const bars = new Map(rows.flatMap(({ bars: its }) => its.map((bar) => [bar.index, bar] as const)))
  const pathBars = path.flatMap((index) => bars.get(index) ?? []).map((bar) => ({ ...bar, lane: 0 }))
  const pathRow = pathBars.map((bar) => barHtml(bar, 22, false, 'path')).join('')
  const head = `<div class="row head"><div class="name">time</div>${axisHtml(axis)}</div>`
  const lines = rows.map((row) => rowHtml(row, lanePixels, onPath, isDense))
  return `<div class="time-line${isDense ? ' dense' : ''}" id="time-line"><div class="rows">
${gridHtml(axis)}${linksHtml(rows, path, lanePixels, pathBars.length > 0)}
${head}
${pathBars.length > 0 ? `<div class="row path-row"><div class="name">critical path</div><svg height="26" width="100%">${pathRow}</svg></div>` : ''}
${lines.join('\n')}
</div></div>
`
}

function rowHtml(
  { node, lanes, bars, pauses }: Row,
  lanePixels: number,
  onPath: ReadonlySet<number>,
  isDense: boolean,
) {
  const height = heightOf(lanes, lanePixels)
  const waits = pauses.map(
    ({ left, width, until }) =>
      `<svg class="pause" x="${percent(left)}" width="${percent(width)}" height="${lanePixels}"><title>waits for ${escaped(until)}</title><line x2="100%" y1="50%" y2="50%"/></svg>`,
  )
  const its = bars.map(
    (bar) => queueHtml(bar, lanePixels) + barHtml(bar, lanePixels, isDense, onPath.has(bar.index) ? 'critical' : ''),
  )
  const hasFailed = bars.some(({ instance }) => instance.state === 'failed')
  return `<div class="row" data-node="${escaped(node)}"${hasFailed ? ' data-failed' : ''}><div class="name" title="${escaped(node)}">${escaped(node)}</div><svg height="${height}" width="100%">${waits.join('')}${its.join('')}</svg></div>`
}

const heightOf = (lanes: number, lanePixels: number) => lanes * lanePixels + 4

/** Without a title where there are very many: the page's script then makes them of what it knows of the instances. */
function barHtml(bar: Bar, lanePixels: number, isDense: boolean, mark: string): string {
  const { instance, index, lane, left, width } = bar
  const { id, task, state } = instance
  const isShort = width < shortPercent
  const look = [lookOf(instance), mark, isShort ? 'short' : '']
  const place = `x="${percent(left)}" y="${lane * lanePixels + 3}" width="${percent(width)}" height="${lanePixels - 2}"`
  const title = `<title>${escaped(`${id}: ${stateWords(instance)}${mark ? '; on the critical path' : ''}`)}</title>`
  const text = `<text x="4" y="13">${state === 'failed' ? '✗ ' : ''}${escaped(task)}</text>`
  return `<svg class="${['bar', ...look].filter(Boolean).join(' ')}" data-i="${index}" ${place}>${isDense ? '' : title}<rect/>${isDense ? '' : text}</svg>`
}

function queueHtml({ queuedFrom, left, lane, instance }: Bar, lanePixels: number): string {
  if (queuedFrom === undefined) return ''
  const title = `${instance.id} was ready and waited for a free job`
  return `<svg class="queue" x="${percent(queuedFrom)}" y="${lane * lanePixels + 3}" width="${percent(left - queuedFrom)}" height="${lanePixels - 2}"><title>${escaped(title)}</title><rect/></svg>`
}

const axisHtml = ({ ticks, stretches }: TimeAxis): string => {
  const labels = ticks.map(({ left, label }) => `<text x="${percent(left)}" y="18" dx="3">${label}</text>`)
  const runs =
    stretches.length < 2
      ? []
      : stretches.map(
          ({ left, run, startedAt }) =>
            `<text class="run" x="${percent(left)}" y="8" dx="3">${escaped(run)}<title>${escaped(startedAt)}</title></text>`,
        )
  return `<svg height="${headPixels}" width="100%" aria-hidden="true">${labels.join('')}${runs.join('')}</svg>`
}

function gridHtml({ ticks, stretches }: TimeAxis): string {
  const lines = ticks.map(({ left }) => `<line x1="${percent(left)}" x2="${percent(left)}" y2="100%"/>`)
  const gaps = stretches
    .slice(1)
    .map(({ left }) => `<rect class="gap" x="${percent(left - 2)}" width="2%" height="100%"/>`)
  return `<svg class="grid" aria-hidden="true">${lines.join('')}${gaps.join('')}</svg>`
}

/** From the end of each instance of the critical path down or up to the next one. */
function linksHtml(rows: readonly Row[], path: readonly number[], lanePixels: number, hasPathRow: boolean): string {
  const middles = new Map<number, { readonly y: number; readonly left: number }>()
  let top = headPixels + (hasPathRow ? 26 : 0)
  for (const { lanes, bars } of rows) {
    for (const { index, lane, left } of bars)
      middles.set(index, { y: top + lane * lanePixels + 2 + lanePixels / 2, left })
    top += heightOf(lanes, lanePixels)
  }
  const links = path.slice(1).flatMap((index, before) => {
    const from = middles.get(path[before] ?? -1)
    const to = middles.get(index)
    if (!from || !to || from.y === to.y) return []
    return [`<line x1="${percent(to.left)}" x2="${percent(to.left)}" y1="${from.y}" y2="${to.y}"/>`]
  })
  return `<svg class="links" aria-hidden="true">${links.join('')}</svg>`
}

const percent = (amount: number): string => `${Number(amount.toFixed(3))}%`
