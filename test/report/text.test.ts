import { describe, expect, test } from 'bun:test'
import { cleanLine, lastVersion } from '../../lib/report/clean-line.ts'
import { formatClock, formatSeconds } from '../../lib/report/duration.ts'
import { cut, widthOf, wrap } from '../../lib/report/fit.ts'
import { table } from '../../lib/report/table.ts'

test.each([
  [0, '0.0 s'],
  [0.04, '0.0 s'],
  [0.8, '0.8 s'],
  [9.94, '9.9 s'],
  [9.96, '10 s'],
  [12.4, '12 s'],
  [59.4, '59 s'],
  [59.6, '1 min 00 s'],
  [185, '3 min 05 s'],
  [3599.6, '1 h 00 min'],
  [3720, '1 h 02 min'],
  [-1, '0.0 s'],
])('formatSeconds(%d) is %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text))

test.each([
  [0, '0:00'],
  [59.99, '0:59'],
  [185, '3:05'],
  [3723, '1:02:03'],
])('formatClock(%d) is %s', (seconds, text) => expect(formatClock(seconds)).toBe(text))

describe('cleanLine', () => {
  test.each([
    ['colour', '\u001b[31mred\u001b[0m', 'red'],
    ['window title', 'a\u001b]0;pwned\u0007b', 'ab'],
    ['8-bit escape', 'a\u009b31mb', 'ab'],
    ['escape left over after a nested one', '\u001b\u001b[0m[31mz', '[31mz'],
    ['hyperlink', '\u001b]8;;http://a.example\u001b\\text\u001b]8;;\u001b\\', 'text'],
    ['unfinished escape', 'a\u001b[', 'a'],
    ['bell, backspace, delete', 'a\u0007\b\u007fb', 'ab'],
    ['line breaks and tabs', 'a\r\nb\tc\u2028d', 'a b cd'],
    ['direction turned around', 'a\u202eb\u2066c', 'abc'],
    ['half a surrogate pair', 'a\ud83d', 'a\ufffd'],
    ['what is harmless', '日本語 é ✔ *** $HOME', '日本語 é ✔ *** $HOME'],
  ])('%s', (_, text, clean) => expect(cleanLine(text)).toBe(clean))

  test('a line that redraws itself is seen as it stood last', () => {
    expect(lastVersion('10%\r50%\r100%')).toBe('100%')
    expect(lastVersion('10%\r50%\r')).toBe('50%')
    expect(lastVersion('plain\r\n')).toBe('plain')
  })
})

describe('fit', () => {
  test.each([
    ['hello', 5, 'hello'],
    ['hello', 4, 'hel…'],
    ['日本語テスト', 5, '日本…'],
    ['日本語テスト', 6, '日本…'],
    ['hello', 1, 'h'],
    ['日', 1, ''],
    ['hello', 0, ''],
  ])('cut(%s, %d) is %s', (text, width, expected) => expect(cut(text, width)).toBe(expected))

  test('wrap keeps to the width and loses no word', () => {
    const text = 'join failed: 日本語テスト because of a-very-long-word-without-any-space at the end'
    const lines = wrap(text, 12)
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(12)
    expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''))
    expect(wrap(text, undefined)).toEqual([text])
  })
})

describe('table', () => {
  const rows = [
    ['NODE', 'S', 'WHY'],
    ['edge-1', '1.0', 'swap on: /dev/sda2'],
    ['日本', '12.5', ''],
  ]
  test('aligns by what a terminal shows, without trailing spaces', () => {
    expect(table(rows, { align: ['left', 'right'] })).toEqual([
      'NODE       S  WHY',
      'edge-1   1.0  swap on: /dev/sda2',
      '日本    12.5',
    ])
  })
  test('cuts the widest column first when the width is short', () => {
    expect(table(rows, { align: ['left', 'right'], width: 24 })).toEqual([
      'NODE       S  WHY',
      'edge-1   1.0  swap on: …',
      '日本    12.5',
    ])
    for (let width = 1; width < 30; width++) {
      expect(Math.max(...table(rows, { width }).map(widthOf))).toBeLessThanOrEqual(width)
    }
  })
  test('of nothing is nothing', () => expect(table([])).toEqual([]))
})
