import { expect, test } from 'bun:test'
import { takeConnectTurn } from '../../lib/host/connect-turns.ts'

test('eight at once to one address, the ninth when one has left, other addresses apart', async () => {
  const leave = await Promise.all(Array.from({ length: 8 }, () => takeConnectTurn('a:22')))
  let ninth: (() => void) | undefined
  const waiting = takeConnectTurn('a:22').then((done) => {
    ninth = done
  })
  const other = await takeConnectTurn('b:22')
  expect(ninth).toBeUndefined()
  leave[0]?.()
  await waiting
  expect(ninth).toBeDefined()
  for (const done of [...leave.slice(1), other]) done()
  ninth?.()
  expect((await Promise.all(Array.from({ length: 8 }, () => takeConnectTurn('a:22')))).length).toBe(8)
})
