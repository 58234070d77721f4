import type { Event } from '../event/event.ts'
import type { Failure } from '../event/failure.ts'
import { cleanLine } from './clean-line.ts'
import { formatSeconds } from './duration.ts'
import type { Style } from './style.ts'

export type Tone = 'good' | 'quiet' | 'bad' | 'waiting'
export type Words = { readonly text: string; readonly tone: Tone }

export const toneColors = { good: 'green', quiet: 'dim', bad: 'red', waiting: 'yellow' } as const satisfies Record<
  Tone,
  keyof Style
>

/** What happened to an instance, in words that follow its name; undefined for events that are no such step. */
export function wordsOf(event: Event): Words | undefined {
  switch (event.type) {
    case 'task-started':
      return { text: event.attempt > 1 ? `starts, attempt ${event.attempt}` : startWords(event.why), tone: 'quiet' }
    case 'task-retrying':
      return {
        text: `attempt ${event.attempt} failed, the next in ${formatSeconds(event.inSeconds)}: ${failureWords(event.failure)}`,
        tone: 'waiting',
      }
    case 'task-finished':
      return { text: `done in ${formatSeconds(event.seconds)}`, tone: 'good' }
    case 'task-pending':
      return { text: `would run: ${cleanLine(event.why)}`, tone: 'waiting' }
    case 'task-failed':
      return { text: `failed: ${failureWords(event.failure)}`, tone: 'bad' }
    case 'task-skipped':
      return { text: skipWords[event.because](cleanLine(event.cause ?? 'what it needs')), tone: 'quiet' }
    case 'task-checking':
    case 'task-output':
    case 'run-started':
    case 'run-finished':
      return undefined
    default:
      return event satisfies never
  }
}

/** What a run begins with: its id, how much it covers. */
export function runStartedWords(event: Event & { readonly type: 'run-started' }): string {
  const things = `${event.instances} ${event.instances === 1 ? 'instance' : 'instances'}`
  const kind = event.dryRun ? 'dry run' : 'run'
  return `${cleanLine(event.lab)}: ${kind} ${cleanLine(event.run)}, ${things}, up to ${event.jobs} at once`
}

/** One line; the message of a failure may hold what a node said. */
export const failureWords = (failure: Failure): string => cleanLine(failure.message)

const startWords = (why: string): string => (why === '' ? 'starts' : `starts: ${cleanLine(why)}`)

const skipWords = {
  'already-done': () => 'already done',
  'dependency-failed': (cause: string) => `waits for ${cause}, which failed`,
  interrupted: () => 'interrupted',
  'not-selected': () => 'not selected',
} as const satisfies Record<string, (cause: string) => string>
