import { expect, test } from 'bun:test'
import { done, doneIf, firstPending, pending } from '../../lib/task/task.ts'
import { untilDone } from '../../lib/task/until-done.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'

test('firstPending asks in order, stops at the first pending answer, and is done without questions', async () => {
  const asked: string[] = []
  const ask = (name: string, isDone: boolean) => () => {
    asked.push(name)
    return doneIf(isDone, name)
  }
  expect(await firstPending(ask('a', true), async () => ask('b', false)(), ask('c', false))).toEqual(pending('b'))
  expect(asked).toEqual(['a', 'b'])
  expect(await firstPending(ask('a', true))).toEqual(done)
  expect(await firstPending()).toEqual(done)
})

test('untilDone asks soon, then more seldom up to every two seconds, and says each new answer once', async () => {
  const { ctx, said, sleeps } = sceneOn('master')
  const answers = ['starting', 'starting', 'nearly', 'starting']
  await untilDone(ctx, async () => {
    const why = answers.shift()
    return why ? pending(why) : done
  })
  expect(said).toEqual(['starting', 'nearly', 'starting'])
  expect(sleeps).toEqual([0.5, 0.5, 0.5, 0.5])
  let asked = 0
  await untilDone(ctx, async () => (asked++ < 25 ? pending('still starting') : done))
  expect(sleeps.slice(4, 10)).toEqual([0.5, 0.5, 0.5, 0.5, 0.5, 0.6])
  expect(sleeps.slice(-6)).toEqual([2, 2, 2, 2, 2, 2])
})

test('untilDone does not sleep where nothing is missing, and passes on what the check throws', async () => {
  const { ctx, sleeps } = sceneOn('master')
  await untilDone(ctx, async () => done)
  expect(sleeps).toEqual([])
  const broken = untilDone(ctx, async () => {
    throw new Error('broken')
  })
  expect(await failureOf(broken)).toBe('bug: Error: broken')
})

test('untilDone ends when the instance is stopped', async () => {
  const { ctx } = sceneOn('master')
  let sleeps = 0
  const stopping = {
    ...ctx,
    say: ctx.say,
    async sleep() {
      if (++sleeps === 3) throw new DOMException('stopped', 'AbortError')
    },
  }
  expect(await failureOf(untilDone(stopping, async () => pending('never')))).toBe('command: Stopped before it was done')
  expect(sleeps).toBe(3)
})
