import { expect, test } from 'bun:test'
import { createTurns, runInTurns } from '../../lib/host/turns.ts'

test('turns begin in the order in which they were asked for; to end one twice ends no other', async () => {
  const takeTurn = createTurns(1)
  const order: string[] = []
  const end = await takeTurn()
  const others = ['second', 'third'].map((name) =>
    takeTurn().then((leave) => {
      order.push(name)
      return leave
    }),
  )
  end()
  end()
  const endSecond = await others[0]
  await Promise.resolve()
  expect(order).toEqual(['second'])
  endSecond?.()
  await others[1]
  expect(order).toEqual(['second', 'third'])
})

test('who is stopped while it waits for a turn leaves the line', async () => {
  const takeTurn = createTurns(1)
  const end = await takeTurn(new AbortController().signal)
  const stop = new AbortController()
  const stopped = takeTurn(stop.signal).catch((reason) => reason)
  const last = takeTurn(new AbortController().signal)
  stop.abort(new Error('stopped'))
  expect(String(await stopped)).toBe('Error: stopped')
  end()
  const endLast = await last
  const again = takeTurn(new AbortController().signal)
  endLast()
  ;(await again)()
})

test('at most so many jobs at once, and one that fails makes room as well', async () => {
  const run = runInTurns(2)
  let busy = 0
  let most = 0
  const job = (at: number) => async () => {
    most = Math.max(most, ++busy)
    await Promise.resolve()
    busy -= 1
    if (at === 0) throw new Error('failed')
    return at
  }
  const results = await Promise.allSettled([0, 1, 2, 3, 4].map((at) => run(job(at))))
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'])
  expect(most).toBe(2)
})
