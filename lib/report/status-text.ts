import { cleanLine } from './clean-line.ts'
import { formatSeconds } from './duration.ts'
import { padEnd, widthOf, wrap } from './fit.ts'
import { labelled } from './labelled.ts'
import { listNodes } from './node-list.ts'
import { type PlanRow, type PlanState, type Worker, workerText } from './plan-text.ts'
import { anywhere } from './same-on-nodes.ts'
import { type Style, style } from './style.ts'

/** How a run last ended an instance; `at` is ISO 8601 in UTC. */
export type LastEnd = {
  readonly run: string
  readonly at: string
  readonly ended: 'finished' | 'failed'
  readonly seconds: number
}

export type StatusRow = Omit<PlanRow, 'after' | 'changed'> & { readonly lastRun?: LastEnd }

export type StatusView = {
  readonly lab: string
  readonly rows: readonly StatusRow[]
  /** Who works on the lab now; no more of it than is known. */
  readonly held?: Partial<Worker>
  /** The newest run that was no dry run. */
  readonly lastRun?: {
    readonly run: string
    readonly startedAt: string
    readonly result: 'ok' | 'failed' | 'interrupted' | 'unfinished'
    readonly seconds: number
  }
  readonly bundle?: BundleStatus
}

export type BundleStatus = {
  /** As the user would write it. */
  readonly place: string
  readonly isThere: boolean
  /** VMs that have it as a disk, and those that have not; undefined where libvirt did not say. */
  readonly attached?: readonly string[]
  readonly detached?: readonly string[]
}

export type StatusTextOptions = {
  readonly color?: boolean
  /** Each node by itself, however many there are. */
  readonly verbose?: boolean
  /** Columns of the terminal; where it is left out every instance has one line. */
  readonly width?: number
}

/** More nodes than these are told together where the same is to be said of them. */
const manyNodes = 8

/** The lab in four lines, then each node with each of its tasks: how it is, when a run last ended it, and how long that took. */
export function statusText(view: StatusView, options: StatusTextOptions = {}): string {
  const paint = style(options.color ?? false)
  const head = headRows(view).flatMap(([label, text]) => labelled(`${padEnd(label, 8)}  `, [text], options.width))
  const groups = groupsOf(view.rows, options)
  const cells = groups.flatMap((group) => [nodeCells(group), ...group.rows.map(rowCells)])
  const lines = columnsOf([['node, task', 'state', 'last run', 'took'], ...cells])
  const body = [paint.dim(lines[0] ?? '')]
  let at = 1
  for (const group of groups) {
    body.push(paint.bold(lines[at++] ?? ''))
    for (const rows of group.rows) body.push(...rowLines(lines[at++] ?? '', rows, options, paint))
  }
  return `${[...head, '', ...(groups.length > 0 ? body : [])].join('\n').trimEnd()}\n`
}

function headRows({ lab, rows, held, lastRun, bundle }: StatusView): readonly (readonly [string, string])[] {
  return [
    ['lab', `${cleanLine(lab)}: ${countText(rows)}`],
    ['now', held ? workerText(held) : 'nobody works on it'],
    ['last run', lastRunText(lastRun, held !== undefined)],
    ...(bundle ? [['bundle', bundleText(bundle)] as const] : []),
  ]
}

const countWords = { done: 'done', drifted: 'drifted', pending: 'pending', unknown: 'not known' } as const

export function countText(rows: readonly Pick<StatusRow, 'state'>[]): string {
  const states = Object.keys(countWords) as (keyof typeof countWords)[]
  const counts = states.flatMap((state) => {
    const count = rows.filter((row) => row.state === state).length
    return count > 0 || state === 'done' ? [`${count} ${countWords[state]}`] : []
  })
  return counts.join(', ')
}

function lastRunText(lastRun: StatusView['lastRun'], isHeld: boolean): string {
  if (!lastRun) return 'none'
  const { run, startedAt, result, seconds } = lastRun
  const began = `${run}, began ${startedAt.slice(0, 19)}Z`
  if (result !== 'unfinished') return `${began}, ${result} after ${formatSeconds(seconds)}`
  return isHeld ? `${began}, goes on` : `${began}, and has no end: kedge was killed, or the power failed`
}

function bundleText({ place, isThere, attached, detached }: BundleStatus): string {
  const name = `${cleanLine(place)}${isThere ? '' : ', which is not there'}`
  if (!attached || !detached) return `${name}; libvirt did not say which VMs have it as a disk`
  if (attached.length + detached.length === 0) return name
  const list = (nodes: readonly string[]) => listNodes(nodes.map((node) => ({ node })))
  if (attached.length === 0) return `${name}; attached to no VM`
  return `${name}; attached to ${list(attached)}${detached.length > 0 ? `; not to ${list(detached)}` : ''}`
}

/** Nodes told together; each of `rows` has the rows of all of them for one task. */
type Group = { readonly nodes: readonly string[]; readonly rows: readonly (readonly StatusRow[])[] }

function groupsOf(rows: readonly StatusRow[], { verbose }: StatusTextOptions): readonly Group[] {
  const byNode = [...Map.groupBy(rows, ({ node }) => node)]
  const isFolded = byNode.length > manyNodes && !verbose
  const alike = Map.groupBy(byNode, ([node, own]) =>
    isFolded
      ? JSON.stringify(own.map(({ task, state, why, lastRun }) => [task, state, anywhere(why, node), lastRun?.ended]))
      : node,
  )
  return [...alike.values()].map((group) => ({
    nodes: group.map(([node]) => node),
    rows: (group[0]?.[1] ?? []).map((_, at) => group.flatMap(([, own]) => own[at] ?? [])),
  }))
}

function nodeCells({ nodes, rows }: Group): readonly string[] {
  const names = listNodes(nodes.map((node) => ({ node })))
  const done = rows.filter(([first]) => first?.state === 'done').length
  return [nodes.length > 1 ? `${names} (${nodes.length} nodes)` : names, `${done}/${rows.length} done`]
}

function rowCells(rows: readonly StatusRow[]): readonly string[] {
  const [first] = rows
  const ends = rows.flatMap(({ lastRun }) => (lastRun ? [lastRun] : []))
  const newest = ends
    .map(({ at }) => at)
    .sort()
    .at(-1)
  const seconds = ends.map((end) => end.seconds)
  const [least, most] = [formatSeconds(Math.min(...seconds)), formatSeconds(Math.max(...seconds))]
  const took = least === most ? most : `${least} to ${most}`
  const ended = first?.lastRun?.ended === 'failed' ? `failed after ${took}` : took
  return [
    `  ${cleanLine(first?.task ?? '')}`,
    first?.state ?? '',
    newest === undefined ? '-' : `${newest.slice(0, 19)}Z`,
    newest === undefined ? '' : ended,
  ]
}

/** Like a table, but what stands over the tasks of a node takes no part in how wide their column is. */
function columnsOf(cells: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = []
  for (const row of cells.filter(({ length }) => length > 2)) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, widthOf(cell))
  }
  return cells.map((row) =>
    row
      .map((cell, column) => padEnd(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function rowLines(
  line: string,
  rows: readonly StatusRow[],
  { width }: StatusTextOptions,
  paint: Style,
): readonly string[] {
  const [first] = rows
  if (!first) return []
  const colored = toneOf(first.state, paint)(line)
  const whys = new Set(rows.map(({ why }) => why))
  const why = cleanLine(whys.size === 1 ? first.why : anywhere(first.why, first.node))
  const words = [why, ...(first.cure ? [`cure: ${cleanLine(first.cure)}`] : [])].filter(Boolean)
  if (words.length === 0) return [colored]
  if (width === undefined) return [`${colored}  ${words.join('; ')}`]
  return [colored, ...words.flatMap((text) => wrap(text, width - 6)).map((text) => `      ${text}`)]
}

const toneOf = (state: PlanState, paint: Style) =>
  ({ done: (text: string) => text, pending: paint.cyan, drifted: paint.yellow, unknown: paint.red })[state]
