import { expect, test } from 'bun:test'
import { createProgress } from '../../lib/bundle/progress.ts'
import { progressLine } from '../../lib/cli/fetch-display.ts'

const MiB = 2 ** 20

test('rate and time left come of the last seconds; what was there before counts for neither', () => {
  const progress = createProgress()
  progress.expect('a', 100 * MiB)
  progress.expect('b', 50 * MiB)
  expect(progressLine(progress.snapshot(0))).toBe('0 of 2 pieces, 0 bytes of 150.0 MiB')
  // The first word of a transfer: 40 MiB were fetched by an earlier kedge.
  progress.advance('a', 40 * MiB, 100 * MiB)
  progress.advance('a', 60 * MiB, 100 * MiB)
  expect(progressLine(progress.snapshot(2))).toBe('0 of 2 pieces, 60.0 MiB of 150.0 MiB, 10.0 MiB/s, 0:09 left')
  progress.advance('b', 0, 50 * MiB)
  progress.advance('a', 100 * MiB, 100 * MiB)
  progress.finish('a')
  expect(progress.snapshot(4)).toMatchObject({
    piecesDone: 1,
    pieces: 2,
    doneBytes: 100 * MiB,
    bytesPerSecond: 15 * MiB,
  })
  // Nothing more arrives: the rate falls, and the time left is not known.
  for (let second = 5; second < 20; second++) progress.snapshot(second)
  expect(progress.snapshot(20)).toMatchObject({ bytesPerSecond: 0, secondsLeft: undefined })
})

test('while a size is not known, neither the total nor the time left is told', () => {
  const progress = createProgress()
  progress.expect('a', undefined)
  progress.advance('a', 1, undefined)
  progress.snapshot(0)
  progress.advance('a', 3 * MiB, undefined)
  const snapshot = progress.snapshot(1)
  expect(snapshot.totalBytes).toBeUndefined()
  expect(progressLine(snapshot)).toMatch(/^0 of 1 pieces, 3\.0 MiB, 3\.0 MiB\/s$/)
  progress.finish('a')
  expect(progress.snapshot(1).totalBytes).toBe(3 * MiB)
})

test('a transfer that begins again takes nothing from the rate', () => {
  const progress = createProgress()
  progress.expect('a', 10 * MiB)
  progress.snapshot(0)
  progress.advance('a', 0, 10 * MiB)
  progress.advance('a', 1, 10 * MiB)
  progress.advance('a', 8 * MiB, 10 * MiB)
  progress.advance('a', 0, 10 * MiB)
  expect(progress.snapshot(1).bytesPerSecond).toBe(8 * MiB - 1)
})
