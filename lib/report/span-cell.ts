import type { Span } from './measure-run.ts'

/** Seconds with one decimal, as in the tables of a paper; the notes say what the signs mean. */
export function spanCell({ seconds, state }: Span): string {
  if (state === 'none') return '-'
  if (state === 'already') return '='
  return state === 'incomplete' ? `${seconds.toFixed(1)} !` : seconds.toFixed(1)
}
