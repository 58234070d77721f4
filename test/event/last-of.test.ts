import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Event, EventBody } from '../../lib/event/event.ts'
import { openJournal } from '../../lib/event/journal.ts'

const folder = mkdtempSync(join(tmpdir(), 'kedge-last-of-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const at = '2026-11-22T12:00:00.000Z'
const fields = { id: 'a@n', task: 'a', node: 'n', phase: 'configuration' } as const
const event = (body: EventBody): Event => ({ at, run: 'r', ...body })

test('how an instance was begun or ended last: not that it failed, waited, or what became of it before its node was removed', () => {
  const journal = openJournal(join(folder, 'journal.sqlite'))
  const last = () => journal.lastOf('a@n')?.type
  expect(last()).toBeUndefined()
  journal.record(event({ type: 'task-finished', seconds: 1, inputs: { files: 'x' }, ...fields }))
  journal.record(event({ type: 'task-pending', why: 'changed', seconds: 1, ...fields }))
  journal.record(event({ type: 'task-skipped', because: 'interrupted', seconds: 1, ...fields }))
  journal.record(event({ type: 'task-finished', seconds: 1, ...fields, id: 'b@n' }))
  expect(journal.lastOf('a@n')).toMatchObject({ type: 'task-finished', inputs: { files: 'x' } })
  journal.record(event({ type: 'task-started', why: 'changed', attempt: 1, ...fields }))
  journal.record(event({ type: 'task-failed', seconds: 1, failure: { kind: 'command', message: 'no' }, ...fields }))
  expect(last()).toBe('task-started')
  journal.record(event({ type: 'task-skipped', because: 'already-done', seconds: 1, ...fields }))
  expect(last()).toBe('task-skipped')
  journal.noteRemoval(['n'], at)
  expect(last()).toBeUndefined()
  journal.close()
})

test('files are kept once for each instance, under their digest, and read by who may not write', () => {
  const path = join(folder, 'files.sqlite')
  const journal = openJournal(path)
  expect(journal.keptFiles('a@n', 'one')).toBeUndefined()
  journal.keepFiles('a@n', 'one', new Map([['a\nb', '1']]))
  journal.keepFiles('a@n', 'two', new Map([['c', '2']]))
  const reader = openJournal(path, { readOnly: true })
  expect(reader.keptFiles('a@n', 'one')).toBeUndefined()
  expect(reader.keptFiles('a@n', 'two')).toEqual(new Map([['c', '2']]))
  reader.close()
  journal.close()
})
