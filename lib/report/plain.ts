import type { Event, Reporter } from '../event/event.ts'
import { asciiText, cleanLine, lastVersion } from './clean-line.ts'
import { formatClock } from './duration.ts'
import { padStart } from './fit.ts'
import { type Forecast, forecastWords } from './forecast.ts'
import { nameColumns } from './name-columns.ts'
import { advance, newProgress, type Progress } from './progress.ts'
import { style } from './style.ts'
import { runStartedWords, toneColors, wordsOf } from './words.ts'

export type PlainOptions = {
  /** What commands print as well, each line under its instance's name. */
  readonly verbose?: boolean
  /** Failures only. */
  readonly quiet?: boolean
  readonly color?: boolean
  /** False for a terminal that shows ASCII alone; a pipe gets what was printed. */
  readonly unicode?: boolean
  /** How long it is going to take; undefined where no earlier run tells, which is then said. */
  readonly forecast?: Forecast | undefined
  /** Fired when the run is to end early. */
  readonly stop?: AbortSignal
  /** Each line begins with the event's own time in UTC, for logs that are read elsewhere. */
  readonly timestamps?: boolean
}

/** One line, ending in a line break, for each thing that happens: for pipes, logs and CI. */
export function plainReporter(write: (text: string) => void, options: PlainOptions = {}): Reporter {
  const paint = style(options.color ?? false)
  const progress = newProgress()
  const names = nameColumns()

  const sayStopping = () => write('stopping: what runs is ended; Ctrl-C again ends it at once\n')

  return (event) => {
    advance(progress, event)
    if (event.type === 'run-started' && !options.quiet) options.stop?.addEventListener('abort', sayStopping)
    if (event.type === 'run-finished') options.stop?.removeEventListener('abort', sayStopping)
    for (const line of linesOf(event)) {
      const prefix = options.quiet ? '' : `${position(progress, event)}  `
      const time = options.timestamps ? `${event.at} ` : ''
      write(`${paint.dim(time + prefix)}${options.unicode === false ? asciiText(line) : line}\n`)
    }
  }

  function linesOf(event: Event): readonly string[] {
    if (event.type !== 'run-started') return [lineOf(event) ?? []].flat()
    return options.quiet ? [] : [runStartedWords(event), forecastWords(options.forecast, progress)]
  }

  function lineOf(event: Event): string | undefined {
    switch (event.type) {
      case 'run-finished':
        return options.quiet ? undefined : `run ended: ${event.result}`
      case 'task-output':
        return outputLine(event)
      case 'task-skipped':
        if (event.because === 'not-selected' && !options.verbose) return undefined
    }
    if (options.quiet && event.type !== 'task-failed') return undefined
    const words = wordsOf(event)
    return words && 'id' in event ? `${names(event)}  ${paint[toneColors[words.tone]](words.text)}` : undefined
  }

  function outputLine(event: Event & { readonly type: 'task-output' }): string | undefined {
    // A note is the task speaking, not a command.
    if (options.quiet || (event.stream !== 'note' && !options.verbose)) return undefined
    const text = cleanLine(lastVersion(event.text))
    const spoken = event.stream === 'command' ? paint.cyan(`$ ${text}`) : text
    return `${names(event)}  ${paint.dim('|')} ${spoken}`.trimEnd()
  }
}

/** Elapsed time and how many have ended, in columns that stay put. */
function position(progress: Progress, event: Event): string {
  const elapsed = formatClock((Date.parse(event.at) - progress.startedMilliseconds) / 1000)
  const total = String(progress.total)
  return `${padStart(elapsed, 7)}  ${padStart(String(progress.ended), total.length)}/${total}`
}
