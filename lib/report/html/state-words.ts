import { cleanLine } from '../clean-line.ts'
import { formatSeconds } from '../duration.ts'
import type { InstanceRecord } from '../fold-run.ts'
import { failureWords } from '../words.ts'

/** How an instance ended, in words that follow its name. */
export function stateWords({ state, seconds, attempts, failure, cause, why }: InstanceRecord): string {
  const tries = attempts > 1 ? `, attempt ${attempts}` : ''
  switch (state) {
    case 'finished':
      return `done in ${formatSeconds(seconds)}${tries}`
    case 'already-done':
      return 'was so already'
    case 'failed':
      return `failed after ${formatSeconds(seconds)}${tries}: ${failure ? failureWords(failure) : 'no reason is known'}`
    case 'held-back':
      return `held back: ${cleanLine(cause ?? 'what it needs')} failed`
    case 'interrupted':
      return `interrupted after ${formatSeconds(seconds)}`
    case 'not-selected':
      return 'not selected'
    case 'pending':
      return `would run: ${cleanLine(why ?? '')}`
    case 'unfinished':
      return `without an end after ${formatSeconds(seconds)}`
    default:
      return state satisfies never
  }
}
