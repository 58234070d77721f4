import { cleanLine } from './clean-line.ts'
import { formatSeconds } from './duration.ts'
import type { RunRecord } from './fold-run.ts'

const ends = { ok: 'done', failed: 'failed', interrupted: 'interrupted', unfinished: 'without an end' } as const

/** Which run, of when, and how it ended: `r-0007 of 2026-01-05 10:00:00 UTC, done after 2 min 48 s`. */
export function runWords({ id, startedAt, result, seconds, dryRun }: RunRecord): string {
  const when = startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')
  return `${cleanLine(id)} of ${when}, ${dryRun ? 'a dry run, ' : ''}${ends[result]} after ${formatSeconds(seconds)}`
}
