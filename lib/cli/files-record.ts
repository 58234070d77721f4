import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { InstanceId } from '../event/event.ts'
import { type Journal, openJournal } from '../event/journal.ts'
import { saysDone } from '../event/last-known.ts'
import type { Instance } from '../plan/plan.ts'
import type { FilesRecord, LastRun } from '../task/files/up-to-date.ts'

/** What a lab knows of the files that its instances read; the digests that were found go into the events of this run. */
export type FilesRecords = {
  of(instance: Instance, task: string): FilesRecord
  /** The digest that was found last, for an instance that was looked at. */
  found(id: InstanceId): string | undefined
  close(): void
}

/** `held` is the journal of a run; without it the lab's is read, where there is one, and nothing is kept. */
export function filesRecords(stateFolder: string, held: Journal | undefined): FilesRecords {
  const path = join(stateFolder, 'journal.sqlite')
  const found = new Map<InstanceId, string>()
  let own: Journal | undefined
  const journal = () => {
    if (held) return held
    if (!own && existsSync(path)) own = openJournal(path, { readOnly: true })
    return own
  }
  return {
    of: ({ id }, task) => ({
      task,
      last: () => lastRun(journal(), id),
      found: (digest) => void found.set(id, digest),
      keep: (digest, contents) => held?.keepFiles(id, digest, contents),
    }),
    found: (id) => found.get(id),
    close: () => own?.close(),
  }
}

function lastRun(journal: Journal | undefined, id: InstanceId): LastRun | undefined {
  const event = journal?.lastOf(id)
  if (!event) return undefined
  if (!saysDone(event)) return { isDone: false }
  const { task, files } = event.inputs ?? {}
  const contents = files === undefined ? undefined : journal?.keptFiles(id, files)
  return {
    isDone: true,
    ...(task === undefined ? {} : { task }),
    ...(files === undefined ? {} : { files }),
    ...(contents ? { contents } : {}),
  }
}
