import { expect, test } from 'bun:test'
import { takeTurn } from '../../lib/host/connect-turns.ts'

test('eight at once to one address, the ninth when one has left, other addresses apart', async () => {
  const leave = await Promise.all(Array.from({ length: 8 }, () => takeTurn('a:22')))
  let ninth: (() => void) | undefined
  const waiting = takeTurn('a:22').then((done) => {
    ninth = done
  })
  const other = await takeTurn('b:22')
  expect(ninth).toBeUndefined()
  leave[0]?.()
  await waiting
  expect(ninth).toBeDefined()
  for (const done of [...leave.slice(1), other]) done()
  ninth?.()
  expect((await Promise.all(Array.from({ length: 8 }, () => takeTurn('a:22')))).length).toBe(8)
})
