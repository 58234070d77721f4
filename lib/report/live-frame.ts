import { asciiText, cleanLine } from './clean-line.ts'
import { formatClock } from './duration.ts'
import { cut, padEnd, padStart, widthOf } from './fit.ts'
import { type Forecast, leftWords } from './forecast.ts'
import type { Active, Progress } from './progress.ts'
import type { Style } from './style.ts'

export type FrameOptions = {
  readonly nowMilliseconds: number
  /** What a line and the frame may take at most. */
  readonly columns: number
  readonly rows: number
  readonly paint: Style
  readonly unicode: boolean
  readonly forecast: Forecast | undefined
  /** The run is being ended early. */
  readonly isStopping: boolean
}

/** So many failures stay in sight while lines scroll past; the summary has them all. */
const pinnedAtMost = 3
/** Under this many columns a last output line says nothing. */
const readable = 8
const gap = '  '

export const marks = (unicode: boolean) =>
  unicode
    ? { good: '✔', bad: '✖', waiting: '↻', quiet: '·', more: '…' }
    : { good: '+', bad: 'x', waiting: '~', quiet: '-', more: '...' }

/** The part of the screen that is redrawn: a header, the latest failures, then what runs now, the oldest first. */
export function liveFrame(progress: Progress, options: FrameOptions): readonly string[] {
  const rows = Math.max(1, options.rows)
  const { columns, paint } = options
  const mark = marks(options.unicode)
  const clean = cleaner(options)
  const lines = [header(progress, options)]
  // Half of what is left at most: what runs must not be pushed out of sight by what has failed.
  const pinnable = Math.min(pinnedAtMost, Math.floor((rows - 1) / 2))
  const pinned = pinnable === 0 ? [] : progress.failures.slice(-pinnable)
  for (const { id, message } of pinned) {
    lines.push(paint.red(cut(`${mark.bad} ${clean(id)}  ${clean(message)}`, columns, mark.more)))
  }
  const room = rows - lines.length
  const active = [...progress.active.values()]
  const shown = active.length <= room ? active : active.slice(0, Math.max(0, room - 1))
  lines.push(...activeLines(shown, options))
  const hidden = active.slice(shown.length)
  if (hidden.length > 0 && room > 0) {
    const text = `  ${mark.more} and ${hidden.length} more: ${countsOf(hidden, clean)}`
    lines.push(paint.dim(cut(text, columns, mark.more)))
  }
  return lines
}

const cleaner =
  ({ unicode }: FrameOptions) =>
  (text: string): string =>
    unicode ? cleanLine(text) : asciiText(cleanLine(text))

/** Which tasks they are, the most frequent first. */
function countsOf(active: readonly Active[], clean: (text: string) => string): string {
  const counts = [...Map.groupBy(active, ({ task }) => task)].map(([task, its]) => [clean(task), its.length] as const)
  return counts
    .sort(([, one], [, other]) => other - one)
    .map(([task, count]) => `${task} ${count}`)
    .join(', ')
}

/** What says more comes before what merely is, since what does not fit is left out. */
function header(progress: Progress, options: FrameOptions): string {
  const { nowMilliseconds, columns, paint, unicode, forecast } = options
  const { more } = marks(unicode)
  const elapsed = formatClock((nowMilliseconds - progress.startedMilliseconds) / 1000)
  const lab = cut(cleaner(options)(progress.lab), Math.floor(columns / 3), more)
  const parts: [string, (text: string) => string][] = [
    [`${progress.ended}/${progress.total}`, paint.bold],
    [elapsed, paint.dim],
  ]
  if (lab !== '' && columns >= 30) parts.unshift([`${lab}${progress.dryRun ? ' (dry run)' : ''}`, paint.bold])
  if (progress.failures.length > 0) parts.push([`${progress.failures.length} failed`, paint.red])
  if (options.isStopping) parts.push(['stopping', paint.yellow], ['Ctrl-C again ends it at once', paint.dim])
  else if (forecast) parts.push([leftWords(forecast, progress, nowMilliseconds), paint.bold])
  parts.push([`${progress.active.size} running`, paint.cyan])
  if (progress.heldBack > 0) parts.push([`${progress.heldBack} held back`, paint.yellow])
  if (!forecast && !options.isStopping) parts.push(['time left unknown', paint.dim])

  const painted: string[] = []
  let left = columns
  for (const [text, paintPart] of parts) {
    const part = cut(text, columns, more)
    if (painted.length > 0 && widthOf(part) > left) continue
    painted.push(paintPart(part))
    left -= widthOf(part) + gap.length
  }
  return painted.join(gap)
}

function activeLines(shown: readonly Active[], options: FrameOptions): readonly string[] {
  const { columns, nowMilliseconds, paint, unicode } = options
  const { more } = marks(unicode)
  const clean = cleaner(options)
  const cells = shown.map((active) => ({
    node: clean(active.node),
    task: clean(active.task),
    clock: formatClock((nowMilliseconds - active.sinceMilliseconds) / 1000),
    last: clean(active.last),
  }))
  const nodeWidth = Math.min(Math.floor(columns * 0.3), Math.max(...cells.map(({ node }) => widthOf(node))))
  const taskWidth = Math.min(Math.floor(columns * 0.4), Math.max(...cells.map(({ task }) => widthOf(task))))
  const clockWidth = Math.max(5, ...cells.map(({ clock }) => widthOf(clock)))
  return cells.map(({ node, task, clock, last }) => {
    const names = `  ${padEnd(cut(node, nodeWidth, more), nodeWidth)}  ${padEnd(cut(task, taskWidth, more), taskWidth)}`
    const timed = `${names}  ${padStart(clock, clockWidth)}`
    const start = widthOf(timed) <= columns ? timed : cut(names, columns, more)
    const room = columns - widthOf(start) - 2
    return room < readable ? start : `${start}  ${paint.dim(cut(last, room, more))}`.trimEnd()
  })
}
