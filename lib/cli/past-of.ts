import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Event, InstanceId } from '../event/event.ts'
import { openJournal } from '../event/journal.ts'
import { foldRun, type RunRecord } from '../report/fold-run.ts'
import type { Lab } from './lab.ts'

/** What the lab's journal knows; all empty where there is none yet. */
export type Past = {
  readonly lastEnds: ReadonlyMap<InstanceId, Event>
  readonly lastKnown: ReadonlyMap<InstanceId, Event>
  readonly lastDone: ReadonlyMap<InstanceId, Event>
  /** The last thing that is known at all. */
  readonly end?: { readonly run: string; readonly at: string }
  /** The newest run that was no dry run. */
  readonly lastRun?: Pick<RunRecord, 'startedAt' | 'result' | 'seconds'> & { readonly run: string }
}

export function pastOf({ stateFolder }: Lab): Past {
  const path = join(stateFolder, 'journal.sqlite')
  if (!existsSync(path)) return { lastEnds: new Map(), lastKnown: new Map(), lastDone: new Map() }
  const journal = openJournal(path, { readOnly: true })
  try {
    const runs = journal.runs()
    const end = runs[0] && journal.events(runs[0].run).at(-1)
    const lastRun = runs
      .values()
      .map(({ run }) => foldRun(journal.events(run)))
      .find(({ dryRun }) => !dryRun)
    return {
      lastEnds: journal.lastEnds(),
      lastKnown: journal.lastKnown(),
      lastDone: journal.lastDone(),
      ...(end ? { end: { run: end.run, at: end.at } } : {}),
      ...(lastRun
        ? {
            lastRun: {
              run: lastRun.id,
              startedAt: lastRun.startedAt,
              result: lastRun.result,
              seconds: lastRun.seconds,
            },
          }
        : {}),
    }
  } finally {
    journal.close()
  }
}
