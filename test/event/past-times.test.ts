import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventBody } from '../../lib/event/event.ts'
import { type Journal, openJournal } from '../../lib/event/journal.ts'

let folder = ''
let journal: Journal
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kedge-past-'))
  journal = openJournal(join(folder, 'journal.sqlite'))
})
afterEach(() => {
  journal.close()
  rmSync(folder, { recursive: true, force: true })
})

type Result = 'ok' | 'failed' | 'interrupted'
let minute = 0
/** Journals a run with what it did to `a@n`; one without a result has no end. */
function ran(run: string, result: Result | undefined, body?: object, dryRun = false): void {
  const record = (more: object) => {
    minute++
    const at = new Date(Date.UTC(2026, 0, 5, 10, minute)).toISOString()
    journal.record({ at, run, ...(more as EventBody) })
  }
  record({ type: 'run-started', lab: 'x', kedge: '1', instances: 1, jobs: 1, seed: 1, dryRun })
  if (body) record({ id: 'a@n', task: 'a', node: 'n', phase: 'p', ...body })
  const counts = { seconds: 1, finished: 0, alreadyDone: 0, failed: 0, heldBack: 0 }
  if (result) record({ type: 'run-finished', result, ...counts })
}
const finished = (seconds: number) => ({ type: 'task-finished', seconds })

test('an empty journal tells nothing', () => {
  expect(journal.pastTimes()).toEqual({ ranSeconds: new Map(), lookedSeconds: new Map() })
})

test('the newest run that ended well counts, not one that failed, was stopped, was killed or only looked', () => {
  ran('r-1', 'ok', finished(4))
  ran('r-2', 'ok', finished(5))
  ran('r-3', 'failed', { type: 'task-failed', seconds: 9, failure: { kind: 'bug', message: '' } })
  ran('r-4', 'interrupted')
  ran('r-5', 'ok', { type: 'task-pending', seconds: 1, why: '' }, true)
  ran('r-6', undefined)
  expect(journal.pastTimes().lastOk?.run).toBe('r-2')
  expect(journal.pastTimes().ranSeconds.get('a@n')).toBe(5)
})

test('seconds are those of the newest time that it was run, and that it was found done', () => {
  ran('r-1', 'ok', finished(40))
  ran('r-2', 'failed', finished(60))
  ran('r-3', 'ok', { type: 'task-skipped', because: 'already-done', seconds: 0.5 })
  const { ranSeconds, lookedSeconds } = journal.pastTimes()
  expect([...ranSeconds]).toEqual([['a@n', 60]])
  expect([...lookedSeconds]).toEqual([['a@n', 0.5]])
})

test('what was held back or stopped says nothing of how long a look takes', () => {
  ran('r-1', 'failed', { type: 'task-skipped', because: 'dependency-failed', seconds: 0 })
  expect(journal.pastTimes().lookedSeconds.size).toBe(0)
})
