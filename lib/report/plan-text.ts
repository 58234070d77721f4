import { cleanLine } from './clean-line.ts'
import { formatAge } from './duration.ts'
import { padEnd, widthOf } from './fit.ts'
import { labelled } from './labelled.ts'
import { listNodes } from './node-list.ts'
import { anywhere } from './same-on-nodes.ts'
import { type Style, style } from './style.ts'

export type PlanState = 'pending' | 'drifted' | 'done' | 'unknown'

/**
 * Why an instance is not done: `never-run`; `inputs-changed` in the file, in kedge or in an own task since it was done;
 * `drifted`: it was done, and somebody else has changed that; `failed` or `unfinished`, the last time; `running` at this
 * moment; `waiting`: it was done, and is asked again once what it waits for is done; `always`: it has no check; `forced`;
 * `not-asked`: no answer.
 */
export type PlanReason =
  | 'never-run'
  | 'inputs-changed'
  | 'drifted'
  | 'failed'
  | 'unfinished'
  | 'running'
  | 'waiting'
  | 'always'
  | 'forced'
  | 'not-asked'

export type PlanRow = {
  readonly id: string
  readonly task: string
  readonly node: string
  readonly state: PlanState
  /** Absent where it is done. */
  readonly reason?: PlanReason
  /** The check's own words, or what kept it from being asked. */
  readonly why: string
  readonly cure?: string
  /** What it waits for that is not done either. */
  readonly after: readonly string[]
  /** Parts of what it was given that have changed since it was last done. */
  readonly changed: readonly string[]
}

export type RemovedNode = { readonly node: string; readonly does: string; readonly command: string }

export type PlanView = {
  readonly rows: readonly PlanRow[]
  readonly removed: readonly RemovedNode[]
  /** Who works on the lab meanwhile; no more of it than is known. */
  readonly held?: Partial<Worker>
  /** Where no host was asked: what is known, and how old that is in seconds. */
  readonly journal?: { readonly run?: string; readonly at?: string; readonly ageSeconds: number }
}

/** A kedge that works on the lab; `since` is ISO 8601 in UTC. */
export type Worker = { readonly command: string; readonly pid: number; readonly host: string; readonly since: string }

export type PlanTextOptions = {
  readonly color?: boolean
  /** Names what is done as well. */
  readonly verbose?: boolean
  /** Columns of the terminal; lines are not broken where it is left out. */
  readonly width?: number
}

export const signs = { pending: '+', drifted: '~', done: '=', unknown: '?' } as const

/** What a run would do: node by node, nodes of which the same is to be said together; what is gone from the file; a sum. */
export function planText({ rows, removed, journal, held }: PlanView, options: PlanTextOptions = {}): string {
  const paint = style(options.color ?? false)
  const names = new Set(rows.filter((row) => isShown(row, options)).map(({ task }) => task))
  const nameWidth = Math.max(0, ...[...names].map((task) => widthOf(cleanLine(task))))
  const blocks = [
    ...(journal ? [labelled('', [sourceText(journal)], options.width)] : []),
    ...(held ? [labelled('', [`${workerText(held)}: what it does is not done yet.`], options.width)] : []),
    ...nodeGroups(rows, options).map((group) => groupLines(group, nameWidth, options, paint)),
    ...(removed.length > 0 ? [removedLines(removed, options, paint)] : []),
    labelled('', [planSum(rows, removed)], options.width).map(paint.bold),
  ]
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

const isShown = ({ state }: PlanRow, { verbose }: PlanTextOptions) => verbose || state !== 'done'

/** `3 to do, 1 drifted, 36 done`. */
export function planSum(rows: readonly PlanRow[], removed: readonly RemovedNode[] = []): string {
  const count = (state: PlanState) => rows.filter((row) => row.state === state).length
  const [pending, drifted, unknown] = [count('pending'), count('drifted'), count('unknown')]
  return [
    pending + drifted + unknown === 0 ? 'nothing to do' : `${pending} to do`,
    ...(drifted > 0 ? [`${drifted} drifted`] : []),
    `${count('done')} done`,
    ...(unknown > 0 ? [`${unknown} not known`] : []),
    ...(removed.length > 0
      ? [`${removed.length} ${removed.length === 1 ? 'node' : 'nodes'} no longer in the file`]
      : []),
  ].join(', ')
}

/** ‘`kedge run all`, process 4242 on bench, works on the lab since 2026-11-22T08:12:03Z’. */
export function workerText({ command, pid, host, since }: Partial<Worker>): string {
  const who =
    command === undefined ? 'Another kedge' : `\`${cleanLine(command)}\`, process ${pid} on ${cleanLine(host ?? '')},`
  return `${who} works on the lab${since === undefined ? '' : ` since ${since.slice(0, 19)}Z`}`
}

function sourceText({ run, at, ageSeconds }: NonNullable<PlanView['journal']>): string {
  if (!run || !at) return 'No host was asked, and no run is in the journal.'
  return `No host was asked: this is what the journal knows, ${formatAge(ageSeconds)} old (run ${run}, to ${at.slice(0, 19)}Z).`
}

type NodeGroup = { readonly nodes: readonly string[]; readonly rows: readonly (readonly PlanRow[])[] }

/** Nodes of which the same is to be said; `rows` has those of one node, or of all that are alike, for each line. */
function nodeGroups(rows: readonly PlanRow[], options: PlanTextOptions): readonly NodeGroup[] {
  const byNode = [...Map.groupBy(rows, ({ node }) => node)]
  const alike = Map.groupBy(byNode, ([, own]) =>
    JSON.stringify(
      own.filter((row) => isShown(row, options)).map((row) => [row.state, row.task, anywhere(wordsOf(row), row.node)]),
    ),
  )
  return [...alike.values()].map((group) => {
    const lines = group[0]?.[1].filter((row) => isShown(row, options)) ?? []
    return {
      nodes: group.map(([node]) => node),
      rows: [
        ...lines.map((_, at) => group.flatMap(([, own]) => own.filter((row) => isShown(row, options))[at] ?? [])),
        ...(options.verbose ? [] : [group.flatMap(([, own]) => own.filter(({ state }) => state === 'done'))]),
      ],
    }
  })
}

function groupLines(
  { nodes, rows }: NodeGroup,
  nameWidth: number,
  options: PlanTextOptions,
  paint: Style,
): readonly string[] {
  const names = listNodes(nodes.map((node) => ({ node })))
  const heading = nodes.length > 3 ? `${names} (${nodes.length} nodes)` : names
  return [
    ...labelled('', [heading], options.width).map(paint.bold),
    ...rows.flatMap((same) => {
      const [first] = same
      if (!first) return []
      const sign = signs[first.state]
      const tone = toneOf(first.state, paint)
      if (first.state === 'done' && !options.verbose) return [tone(`  ${sign} ${same.length} done`)]
      const texts = new Set(same.map(wordsOf))
      const words = texts.size === 1 ? wordsOf(first) : anywhere(wordsOf(first), first.node)
      const label = `  ${sign} ${padEnd(cleanLine(first.task), nameWidth)}  `
      const lines = besides(label, [words || ' ', ...(first.cure ? [`cure: ${first.cure}`] : [])], options.width)
      return lines.map((line, at) =>
        at === 0 ? tone(line.slice(0, label.trimEnd().length)) + line.slice(label.trimEnd().length) : line,
      )
    }),
  ]
}

/** Texts beside a label, or below it where there is little room beside it: names and addresses stay whole. */
function besides(label: string, texts: readonly string[], width: number | undefined): readonly string[] {
  if (width === undefined || width - widthOf(label) >= readable) return labelled(label, texts, width)
  return [label.trimEnd(), ...labelled('      ', texts, width).map((line) => line.trimEnd())]
}

const readable = 32

const toneOf = (state: PlanState, paint: Style) =>
  ({ pending: paint.green, drifted: paint.yellow, done: paint.dim, unknown: paint.red })[state]

/** Why it is to do, and what its check said. */
function wordsOf({ state, reason, why, after, changed, node }: PlanRow): string {
  if (state === 'done') return ''
  const said = why === '' ? '' : cleanLine(why)
  const first = after.length === 0 ? '' : `after ${afterText(after, node)}`
  const parts = changed.map((part) => changedWords[part] ?? part).join(', ')
  switch (reason) {
    case 'never-run':
      return said === '' ? ['not run yet', ...(first ? [first] : [])].join(', ') : `not run yet: ${said}`
    case 'waiting':
      return first || 'after what it waits for'
    case 'inputs-changed':
      return said === '' ? `since it was done ${parts} changed` : `since it was done ${parts} changed: ${said}`
    case 'failed':
      return said === '' ? 'failed the last time' : `failed the last time: ${said}`
    case 'unfinished':
      return said === '' ? 'was begun and never ended' : `was begun and never ended: ${said}`
    case 'running':
      return 'runs now'
    case 'forced':
      return 'done, and forced'
    default:
      return said
  }
}

const changedWords: Readonly<Record<string, string>> = {
  task: 'this task',
  files: 'its input files',
  node: 'the entry of this node',
  nodes: 'other nodes',
  networks: 'networks',
  kubernetes: 'kubernetes',
  kubeedge: 'kubeedge',
  hypervisor: 'hypervisor',
  kedge: 'kedge itself',
}

/** Those on the same node by the task alone, others with where they run. */
function afterText(ids: readonly string[], node: string): string {
  const split = ids.map((id) => ({ task: id.slice(0, id.lastIndexOf('@')), node: id.slice(id.lastIndexOf('@') + 1) }))
  return [...Map.groupBy(split, ({ task }) => task)]
    .map(([task, its]) => {
      if (its.length > 1) return `${cleanLine(task)} on ${its.length} nodes`
      return its[0]?.node === node ? cleanLine(task) : `${cleanLine(task)}@${cleanLine(its[0]?.node ?? '')}`
    })
    .join(', ')
}

function removedLines(removed: readonly RemovedNode[], options: PlanTextOptions, paint: Style): readonly string[] {
  const nameWidth = Math.max(...removed.map(({ node }) => widthOf(cleanLine(node))))
  return [
    ...labelled('', ['No longer in the file; a run leaves them as they are:'], options.width).map(paint.bold),
    ...removed.flatMap(({ node, does, command }) => [
      ...labelled(`  - ${padEnd(cleanLine(node), nameWidth)}  `, [cleanLine(does)], options.width).map((line, at) =>
        at === 0 ? paint.red(line) : line,
      ),
      // Never broken: it is for copying.
      `    ${paint.cyan(command)}`,
    ]),
  ]
}
