import { expect, test } from 'bun:test'
import { oneLiner } from '../../lib/task/one-liner.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'

const text = `grep -c '$HOME' "a b" | awk '{print $1}' # \${x} \\n \``

test('the shell gets the line as it stands in the file, check and command alike', async () => {
  const { ctx, steps } = sceneOn('edge-1', {
    rules: {
      'edge-1': [
        [text, ''],
        ['test -s /opt/model.bin', [{ exitCode: 1 }, '']],
      ],
    },
  })
  const task = oneLiner({ sh: text, check: 'test -s /opt/model.bin' })
  expect(task.description).toBe(text)
  expect(await task.check(ctx)).toEqual({ done: false, why: '`test -s /opt/model.bin` ended with 1' })
  await task.run(ctx)
  expect(await task.check(ctx)).toEqual({ done: true })
  expect(steps).toEqual(['test -s /opt/model.bin', text, 'test -s /opt/model.bin'].map((line) => `edge-1$ ${line}`))
})

test('a check decides alone: one that is content spares the command, one that is not lets it run again', async () => {
  const { ctx, steps } = sceneOn('edge-1', {
    rules: {
      'edge-1': [
        ['content', ''],
        [/^/, { exitCode: 3 }],
      ],
    },
  })
  expect((await oneLiner({ sh: 'x', check: 'content' }).check(ctx)).done).toBe(true)
  const task = oneLiner({ sh: 'content', check: 'never content' })
  await task.run(ctx)
  expect(await task.check(ctx)).toEqual({ done: false, why: '`never content` ended with 3' })
  expect(steps).toEqual(['edge-1$ content', 'edge-1$ content', 'edge-1$ never content'])
})

test('without a check it always runs: once for each attempt, not never, and not for ever', async () => {
  const { ctx } = sceneOn('edge-1', { rules: { 'edge-1': [['date', 'now\n']] } })
  const task = oneLiner({ sh: 'date' })
  expect(await task.check(ctx)).toEqual({ done: false, why: 'has no check, so it always runs' })
  await task.run(ctx)
  expect(await task.check(ctx)).toEqual({ done: true })
  expect((await oneLiner({ sh: 'date' }).check(ctx)).done).toBe(false)
})

test('a command that fails fails the task, and without a check it has not run', async () => {
  const { ctx } = sceneOn('edge-1', { rules: { 'edge-1': [['false', { exitCode: 1 }]] } })
  const task = oneLiner({ sh: 'false' })
  expect(await failureOf(task.run(ctx))).toBe('command: “false” ended with exit code 1')
  expect((await task.check(ctx)).done).toBe(false)
})

test('a check whose host is out of reach is no verdict', async () => {
  const { ctx } = sceneOn('edge-1', { rules: { 'edge-1': [['test -e /x', { error: new Error('connection lost') }]] } })
  expect(await failureOf(oneLiner({ sh: 'x', check: 'test -e /x' }).check(ctx))).toMatch(/connection lost/)
})
