import { expect, test } from 'bun:test'
import type { Event, EventBody } from '../../lib/event/event.ts'
import { advance, newProgress } from '../../lib/report/progress.ts'

const event = (body: EventBody): Event => ({ at: '2026-01-05T10:00:00.000Z', run: 'r-1', ...body })
const instance = { id: 'join-edge@edge-1', task: 'join-edge', node: 'edge-1', phase: 'installation' } as const

test('what was not selected is no part of the run', () => {
  const progress = newProgress()
  advance(progress, event({ type: 'task-skipped', ...instance, because: 'not-selected', seconds: 0 }))
  expect(progress).toMatchObject({ ended: 0, total: 0 })
  advance(progress, event({ type: 'task-skipped', ...instance, because: 'already-done', seconds: 0 }))
  expect(progress).toMatchObject({ ended: 1, total: 1 })
})

test('of a line without an end no more is kept than can be shown', () => {
  const progress = newProgress()
  advance(progress, event({ type: 'task-started', ...instance, why: '', attempt: 1 }))
  advance(progress, event({ type: 'task-output', ...instance, stream: 'stdout', text: 'x'.repeat(1_000_000) }))
  expect(progress.active.get(instance.id)?.last.length).toBe(1000)
  advance(progress, event({ type: 'task-output', ...instance, stream: 'stdout', text: '10%\r20%\r' }))
  expect(progress.active.get(instance.id)?.last).toBe('20%')
})

test('output of an instance that has ended brings nothing back', () => {
  const progress = newProgress()
  advance(progress, event({ type: 'task-finished', ...instance, seconds: 1 }))
  advance(progress, event({ type: 'task-output', ...instance, stream: 'stdout', text: 'late' }))
  expect(progress.active.size).toBe(0)
})
