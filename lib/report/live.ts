import { createLogUpdate } from 'log-update'
import type { Event, Reporter } from '../event/event.ts'
import { cleanLine } from './clean-line.ts'
import { cut, widthOf } from './fit.ts'
import { liveFrame, marks } from './live-frame.ts'
import { advance, newProgress } from './progress.ts'
import { style } from './style.ts'
import { toneColors, type Words, wordsOf } from './words.ts'

/** A terminal; its size is read at each drawing, so that a resize shows at the next one. */
export type LiveStream = { write(text: string): unknown; readonly columns?: number; readonly rows?: number }

export type LiveOptions = {
  readonly color?: boolean
  readonly unicode?: boolean
  /** Milliseconds since 1970, the same clock as the events' `at`. */
  readonly now?: () => number
  /** Calls `tick` again and again until the returned function is called; must not keep the process alive. */
  readonly every?: (milliseconds: number, tick: () => void) => () => void
}

/** `close` leaves the screen clean wherever the run stands; needed only when the events end without `run-finished`. */
export type LiveReporter = Reporter & { readonly close: () => void }

const frameMilliseconds = 100

/** A header and a line per running instance, redrawn in place; what has ended scrolls away above it. */
export function liveReporter(stream: LiveStream, options: LiveOptions = {}): LiveReporter {
  const { color = true, unicode = true, now = Date.now, every = unreferencedTimer } = options
  const paint = style(color)
  const mark = marks(unicode)
  const progress = newProgress()
  const screen = redrawable(stream)
  let scrollback: (Words & { readonly names: string })[] = []
  let lastDrawn = Number.NEGATIVE_INFINITY
  let stop: (() => void) | undefined

  const report = (event: Event): void => {
    advance(progress, event)
    keep(event)
    if (event.type === 'run-started') {
      stop?.()
      stop = every(frameMilliseconds, draw)
    }
    if (event.type === 'run-finished') close()
    else if (now() - lastDrawn >= frameMilliseconds) draw()
  }

  function draw(): void {
    lastDrawn = now()
    const { columns, rows } = screen.size()
    const frame = liveFrame(progress, { nowMilliseconds: lastDrawn, columns, rows, paint, unicode })
    screen.draw(fitted(columns), frame)
  }

  function close(): void {
    stop?.()
    stop = undefined
    screen.draw(fitted(screen.size().columns), [])
  }

  function fitted(columns: number): readonly string[] {
    const lines = scrollback.map(({ names, text, tone }) => {
      const line = cut(`${names}  ${text}`, columns - widthOf(mark[tone]) - 1, mark.more)
      return `${paint[toneColors[tone]](mark[tone])} ${tone === 'bad' ? paint.red(line) : line}`
    })
    scrollback = []
    return lines
  }

  /** What was so already, was held back or merely begins is counted in the header, and would bury what was done. */
  function keep(event: Event): void {
    if (event.type === 'task-skipped' || event.type === 'task-started') return
    const words = wordsOf(event)
    if (words && 'id' in event)
      scrollback.push({ ...words, names: `${cleanLine(event.node)}  ${cleanLine(event.task)}` })
  }

  return Object.assign(report, { close })
}

function unreferencedTimer(milliseconds: number, tick: () => void): () => void {
  const timer = setInterval(tick, milliseconds)
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * log-update with three things around it: a drawing is one write (no flicker), the cursor is hidden only within that
 * write (so a killed kedge never leaves a terminal without one), and a narrowed terminal is wiped as it reflowed.
 */
function redrawable(stream: LiveStream) {
  let buffered = ''
  let drawn: readonly string[] = []
  let drawnColumns = 0
  // The last column stays free: terminals differ in what they do once it is filled.
  const size = () => ({ columns: Math.max(1, (stream.columns || 80) - 1), rows: Math.max(1, (stream.rows || 24) - 1) })
  const into = {
    write: (text: string) => {
      buffered += text
      return true
    },
    get columns() {
      return stream.columns || 80
    },
    get rows() {
      return stream.rows || 24
    },
  }
  // showCursor: log-update would otherwise write to the process's own stderr.
  const log = createLogUpdate(into as unknown as NodeJS.WritableStream, { showCursor: true })

  return {
    size,
    draw(above: readonly string[], frame: readonly string[]): void {
      // log-update would find that out as well, but only after measuring every line.
      if (above.length === 0 && into.columns === drawnColumns && Bun.deepEquals(frame, drawn)) return
      if (drawn.length > 0 && into.columns < drawnColumns) {
        const height = drawn.reduce((sum, line) => sum + reflowedHeight(line, into.columns), 0)
        // Line by line: asked to clear from the top corner on, tmux moves the drawing to its history instead.
        buffered += `\u001b[2K${'\u001b[1A\u001b[2K'.repeat(height)}\r`
        log.done()
      } else if (above.length > 0 || frame.length === 0) {
        if (drawn.length > 0) log.clear()
      }
      for (const line of above) buffered += `${line}\n`
      if (frame.length > 0) log(frame.join('\n'))
      drawn = frame
      drawnColumns = into.columns
      if (buffered !== '') stream.write(`\u001b[?2026h\u001b[?25l${buffered}\u001b[?25h\u001b[?2026l`)
      buffered = ''
    },
  }
}

const reflowedHeight = (line: string, columns: number): number =>
  Bun.wrapAnsi(line, columns, { hard: true, wordWrap: false, trim: false }).split('\n').length
