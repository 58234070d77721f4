import { expect, test } from 'bun:test'
import { shareFlushes } from '../../lib/event/flush.ts'

test('who asks while a flush goes on waits for the next one, which all of them share', async () => {
  const begun: PromiseWithResolvers<void>[] = []
  const flush = shareFlushes(() => {
    const each = Promise.withResolvers<void>()
    begun.push(each)
    return each.promise
  })
  const over: string[] = []
  const first = flush().then(() => over.push('first'))
  const later = ['second', 'third'].map((name) => flush().then(() => over.push(name)))
  expect(begun).toHaveLength(1)
  begun[0]?.resolve()
  await first
  await new Promise(setImmediate)
  expect(over).toEqual(['first'])
  expect(begun).toHaveLength(2)
  begun[1]?.resolve()
  await Promise.all(later)
  expect(over).toEqual(['first', 'second', 'third'])
  const again = flush()
  expect(begun).toHaveLength(3)
  begun[2]?.resolve()
  await again
})

test('one that fails fails those who waited for it, and no others', async () => {
  let count = 0
  const flush = shareFlushes(async () => {
    if (++count === 1) throw new Error('disk')
  })
  const [first, second] = await Promise.allSettled([flush(), flush()])
  expect([first?.status, second?.status]).toEqual(['rejected', 'fulfilled'])
})
