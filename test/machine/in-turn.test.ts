import { expect, test } from 'bun:test'
import { inTurn } from '../../lib/machine/in-turn.ts'

const never = new AbortController().signal

test('one after another for the same thing, side by side for different ones', async () => {
  const running = new Map<string, number>()
  let most = 0
  let mostOfOne = 0
  const act = (key: string) => async () => {
    running.set(key, (running.get(key) ?? 0) + 1)
    most = Math.max(
      most,
      [...running.values()].reduce((sum, count) => sum + count, 0),
    )
    mostOfOne = Math.max(mostOfOne, running.get(key) ?? 0)
    for (let step = 0; step < 5; step++) await Promise.resolve()
    running.set(key, (running.get(key) ?? 0) - 1)
    return key
  }
  const results = await Promise.all(['a', 'a', 'b', 'a', 'b'].map((key) => inTurn(key, never, act(key))))
  expect(results).toEqual(['a', 'a', 'b', 'a', 'b'])
  expect(mostOfOne).toBe(1)
  expect(most).toBe(2)
})

test('a failure is its own caller’s only', async () => {
  const failing = inTurn('c', never, () => Promise.reject(new Error('no')))
  const next = inTurn('c', never, async () => 'done')
  expect(failing).rejects.toThrow('no')
  expect(await next).toBe('done')
})

test('who is stopped while waiting leaves, and the line moves on', async () => {
  const first = Promise.withResolvers<string>()
  const one = inTurn('d', never, () => first.promise)
  const stop = new AbortController()
  let ran = false
  const two = inTurn('d', stop.signal, async () => {
    ran = true
  })
  const three = inTurn('d', never, async () => 'three')
  stop.abort(new Error('stopped'))
  expect(two).rejects.toThrow('stopped')
  await Promise.allSettled([two])
  first.resolve('one')
  expect(await Promise.all([one, three])).toEqual(['one', 'three'])
  expect(ran).toBe(false)
})
