import type { Event, Reporter } from '../event/event.ts'
import { asciiText, cleanLine } from './clean-line.ts'
import { cut } from './fit.ts'
import { type Forecast, forecastWords } from './forecast.ts'
import { liveFrame, marks } from './live-frame.ts'
import { nameColumns } from './name-columns.ts'
import { advance, newProgress } from './progress.ts'
import { type LiveStream, redrawable } from './redraw.ts'
import { style } from './style.ts'
import { runStartedWords, type Tone, toneColors, wordsOf } from './words.ts'

export type LiveOptions = {
  readonly color?: boolean
  readonly unicode?: boolean
  /** How long it is going to take; undefined where no earlier run tells, which is then said. */
  readonly forecast?: Forecast | undefined
  /** Fired when the run is to end early. */
  readonly stop?: AbortSignal
  /** Milliseconds since 1970, the same clock as the events' `at`. */
  readonly now?: () => number
  /**
   * Calls `tick` again and again until the returned function is called, and says where it comes much too late; must not keep
   * the process alive.
   */
  readonly every?: (milliseconds: number, tick: (isLate?: boolean) => void) => () => void
}

export type LiveReporter = Reporter & {
  /** Leaves the screen clean wherever the run stands; needed only when the events end without `run-finished`. */
  readonly close: () => void
  /** Draws below whatever others have written, instead of over it. */
  readonly beginAnew: () => void
}

const frameMilliseconds = 100
/** Narrower than that, names in columns would leave no room for what happened. */
const columnsForNames = 60
const lowScreenRows = 12
/** A line that scrolls away is not cut to the terminal's width, but nor does one message fill a screen. */
const longestLine = 1000

/** A header and a line per running instance, redrawn in place; what has ended scrolls away above it. */
export function liveReporter(stream: LiveStream, options: LiveOptions = {}): LiveReporter {
  const { color = true, unicode = true, forecast, stop, now = Date.now, every = unreferencedTimer } = options
  const paint = style(color)
  const mark = marks(unicode)
  const progress = newProgress()
  const screen = redrawable(stream)
  const columned = nameColumns()
  let scrollback: string[] = []
  let lastDrawn = Number.NEGATIVE_INFINITY
  let endTimer: (() => void) | undefined

  const report = (event: Event): void => {
    advance(progress, event)
    keep(event)
    if (event.type === 'run-started') {
      endTimer?.()
      endTimer = every(frameMilliseconds, tick)
    }
    if (event.type === 'run-finished') close()
    else if (now() - lastDrawn >= frameMilliseconds) draw()
  }

  /** One that was suspended until now hears of that, and begins anew, only after its timer: it waits for the next tick. */
  function tick(isLate = false): void {
    if (isLate) lastDrawn = now()
    else draw()
  }

  function draw(): void {
    lastDrawn = now()
    const { columns, rows: all } = screen.size()
    // On a screen that is high enough, what has just ended stays in sight as well.
    const rows = Math.min(all, Math.max(lowScreenRows, Math.floor((all * 2) / 3)))
    const isStopping = stop?.aborted ?? false
    const view = { nowMilliseconds: lastDrawn, columns, rows, paint, unicode, forecast, isStopping }
    screen.draw(taken(), liveFrame(progress, view))
  }

  function close(): void {
    endTimer?.()
    endTimer = undefined
    screen.draw(taken(), [])
  }

  function taken(): readonly string[] {
    const lines = scrollback
    scrollback = []
    return lines
  }

  /** What was so already, was held back or merely begins is counted in the header, and would bury what was done. */
  function keep(event: Event): void {
    if (event.type === 'run-started') {
      say('quiet', runStartedWords(event))
      say('quiet', forecastWords(forecast, progress))
    }
    if (event.type === 'task-skipped' || event.type === 'task-started') return
    const words = wordsOf(event)
    if (!words || !('id' in event)) return
    const isNarrow = screen.size().columns < columnsForNames
    const names = isNarrow ? `${cleanLine(event.node)} ${cleanLine(event.task)}` : `${columned(event)} `
    say(words.tone, `${names} ${words.text}`)
  }

  function say(tone: Tone, text: string): void {
    const line = cut(unicode ? text : asciiText(text), longestLine, mark.more)
    const painted = tone === 'bad' || tone === 'quiet' ? paint[toneColors[tone]](line) : line
    scrollback.push(`${paint[toneColors[tone]](mark[tone])} ${painted}`)
  }

  return Object.assign(report, { close, beginAnew: screen.beginAnew })
}

function unreferencedTimer(milliseconds: number, tick: (isLate: boolean) => void): () => void {
  let last = performance.now()
  const timer = setInterval(() => {
    const isLate = performance.now() - last > milliseconds * 4
    last = performance.now()
    tick(isLate)
  }, milliseconds)
  timer.unref()
  return () => clearInterval(timer)
}
