import { expect, test } from 'bun:test'
import { redrawable } from '../../lib/report/redraw.ts'
import { fakeScreen } from './screen.ts'

function drawn(columns: number, rows: number, before: readonly string[] = ['$ kedge run all']) {
  const screen = fakeScreen(columns, rows)
  for (const line of before) screen.write(`${line}\n`)
  return { lines: () => screen.lines().slice(before.length), ...redrawable(screen), before: () => screen.lines() }
}

test('a frame that gets shorter leaves nothing of its longer self', () => {
  const { draw, lines } = drawn(20, 10)
  draw([], ['header', 'one', 'two', 'three'])
  draw([], ['header', 'two'])
  expect(lines()).toEqual(['header', 'two'])
  draw(['one has ended'], ['header'])
  expect(lines()).toEqual(['one has ended', 'header'])
  draw([], [])
  expect(lines()).toEqual(['one has ended'])
})

test('with what ended last the frame goes as a whole', () => {
  const { draw, lines } = drawn(20, 10)
  draw([], ['header', 'one', 'two', 'three'])
  draw(['three has ended'], [])
  expect(lines()).toEqual(['three has ended'])
})

test('a shorter text in the same row leaves nothing of the longer one', () => {
  const { draw, lines } = drawn(20, 10)
  draw([], ['a long header', 'x'])
  draw([], ['header', 'x'])
  expect(lines()).toEqual(['header', 'x'])
  draw(['ended'], ['h', 'x'])
  expect(lines()).toEqual(['ended', 'h', 'x'])
})

test('a line that stays is whole, whether it fills its row, is longer, or has wide characters', () => {
  const { draw, lines } = drawn(10, 8)
  const kept = ['0123456789', '0123456789012345678', '01234567890123456789', '日本語テスト', '9日本語テ9', 'x']
  draw([], ['frame 1', 'frame 2'])
  for (const line of kept) draw([line], ['frame 3', 'frame 4'])
  draw([], [])
  expect(lines()).toEqual(kept)
})

test('at the bottom of the screen what is above scrolls away and is lost no more than elsewhere', () => {
  const before = ['a', 'b', 'c', 'd', 'e']
  const { draw, before: all } = drawn(20, 5, before)
  const kept = Array.from({ length: 12 }, (_, at) => `ended ${at}`)
  for (const line of kept) draw([line], ['header', 'one', 'two'])
  expect(all()).toEqual([...before, ...kept, 'header', 'one', 'two'])
})

test('a character that the terminal shows wider than it was taken for makes no second row', () => {
  const screen = fakeScreen(10, 6)
  const { draw } = redrawable(screen)
  // A family is one sign of two columns, or on other terminals three of them.
  for (let at = 0; at < 4; at++) draw([], [`head ${at}`, '👩‍👩‍👧👩‍👩‍👧 x'])
  draw([], [])
  expect(screen.lines()).toEqual([])
})

test('what somebody typed meanwhile, as the terminal shows it below, goes with the next drawing', () => {
  const screen = fakeScreen(10, 6)
  const { draw } = redrawable(screen)
  draw([], ['header', 'one'])
  screen.write('^C')
  draw(['ended'], ['header'])
  expect(screen.lines()).toEqual(['ended', 'header'])
})

test('what others have written while kedge was suspended stays', () => {
  const screen = fakeScreen(20, 10)
  const { draw, beginAnew } = redrawable(screen)
  draw([], ['header', 'one'])
  screen.write('^Z\n$ fg\n')
  beginAnew()
  draw(['ended'], ['header'])
  draw([], [])
  expect(screen.lines()).toEqual(['header', 'one', '^Z', '$ fg', 'ended'])
})
