import type { Event, InstanceFields, Reporter } from '../event/event.ts'
import { cleanLine, lastVersion } from './clean-line.ts'
import { formatClock } from './duration.ts'
import { padEnd, padStart, widthOf } from './fit.ts'
import { advance, newProgress, type Progress } from './progress.ts'
import { style } from './style.ts'
import { toneColors, wordsOf } from './words.ts'

export type PlainOptions = {
  /** What commands print as well, each line under its instance's name. */
  readonly verbose?: boolean
  /** Failures only. */
  readonly quiet?: boolean
  readonly color?: boolean
  /** Each line begins with the event's own time in UTC, for logs that are read elsewhere. */
  readonly timestamps?: boolean
}

/** One line, ending in a line break, for each thing that happens: for pipes, logs and CI. */
export function plainReporter(write: (text: string) => void, options: PlainOptions = {}): Reporter {
  const paint = style(options.color ?? false)
  const progress = newProgress()
  const names = nameColumns()

  return (event) => {
    advance(progress, event)
    const line = lineOf(event)
    if (line === undefined) return
    const prefix = options.quiet ? '' : `${position(progress, event)}  `
    const time = options.timestamps ? `${event.at} ` : ''
    write(`${paint.dim(time + prefix)}${line}\n`)
  }

  function lineOf(event: Event): string | undefined {
    switch (event.type) {
      case 'run-started':
        return options.quiet ? undefined : runStartedWords(event)
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

function runStartedWords(event: Event & { readonly type: 'run-started' }): string {
  const things = `${event.instances} ${event.instances === 1 ? 'instance' : 'instances'}`
  const kind = event.dryRun ? 'dry run' : 'run'
  return `${cleanLine(event.lab)}: ${kind} ${cleanLine(event.run)}, ${things}, up to ${event.jobs} at once`
}

/** Elapsed time and how many have ended, in columns that stay put. */
function position(progress: Progress, event: Event): string {
  const elapsed = formatClock((Date.parse(event.at) - progress.startedMilliseconds) / 1000)
  const total = String(progress.total)
  return `${padStart(elapsed, 7)}  ${padStart(String(progress.ended), total.length)}/${total}`
}

/** Node and task in columns as wide as the widest so far, since later names are not known yet. */
function nameColumns(): (instance: InstanceFields) => string {
  let nodeWidth = 10
  let taskWidth = 18
  return ({ node, task }) => {
    const [nodeName, taskName] = [cleanLine(node), cleanLine(task)]
    nodeWidth = Math.max(nodeWidth, widthOf(nodeName))
    taskWidth = Math.max(taskWidth, widthOf(taskName))
    return `${padEnd(nodeName, nodeWidth)}  ${padEnd(taskName, taskWidth)}`
  }
}
