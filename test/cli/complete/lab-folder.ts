import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Event } from '../../../lib/event/event.ts'
import { openJournal } from '../../../lib/event/journal.ts'
import { base } from '../../topology/known.ts'

export const runs = ['20261121-101500-aaaa', '20261121-113000-bbbb', '20261122-080000-cccc']

/**
 * A folder with the reference lab and two own tasks, another lab under a name with a space, three runs of the first, the last
 * of which has no end, and a sub-folder.
 */
export function labFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-complete-'))
  mkdirSync(join(folder, 'tasks'))
  mkdirSync(join(folder, 'sub'))
  writeFileSync(join(folder, 'tasks/trust-ca.ts'), 'throw new Error("whoever completes runs no task")\n')
  const own = `  trust-ca: { on: edge }\n  fetch-model: { on: edge, sh: 'cp /media/model.bin /opt/' }\n`
  writeFileSync(join(folder, 'kedge.config.yaml'), `${base}${own}`)
  writeFileSync(
    join(folder, 'my lab.yaml'),
    `version: 1\nlab: other\nextends: none\ntasks:\n  only-here: { on: hypervisor, sh: 'true' }\n  only-there: { on: hypervisor, sh: 'true' }\n`,
  )
  writeFileSync(join(folder, 'broken.yaml'), 'version: [\n')
  note(join(folder, '.kedge/paper'), runs)
  note(join(folder, 'elsewhere/paper'), ['20250101-000000-dddd'])
  return folder
}

function note(state: string, ids: readonly string[]): void {
  mkdirSync(state, { recursive: true })
  const journal = openJournal(join(state, 'journal.sqlite'))
  for (const [index, run] of ids.entries()) {
    const at = run.replace(/^(....)(..)(..)-(..)(..)(..).*/, '$1-$2-$3T$4:$5:$6.000Z')
    const started = { type: 'run-started', lab: 'paper', kedge: '0', instances: 1, jobs: 1, seed: 1, dryRun: false }
    journal.record({ ...started, at, run } as Event)
    const ended = {
      result: index === 0 ? 'failed' : 'ok',
      seconds: 1,
      finished: 1,
      alreadyDone: 0,
      failed: 0,
      heldBack: 0,
    }
    if (index < 2) journal.record({ type: 'run-finished', at, run, ...ended } as Event)
  }
  journal.close()
}
