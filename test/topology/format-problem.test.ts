import { expect, test } from 'bun:test'
import { formatProblems } from '../../lib/topology/format-problem.ts'
import type { Problem } from '../../lib/topology/topology.ts'

/** A problem about the part of a line that stands between « and ». */
function problem(marked: string, hint?: string): Problem {
  const start = marked.indexOf('«')
  const end = marked.indexOf('»') - 1
  const source = marked.replace(/[«»]/g, '')
  const place = { file: 'lab.yaml', line: 7, column: start + 1, source, length: end - start }
  return { ...place, message: 'this is wrong', ...(hint ? { hint } : {}) }
}

const shown = (marked: string): string[] => formatProblems([problem(marked)], { color: false }).split('\n')

test('message, line, carets, hint', () => {
  expect(formatProblems([problem('a: «bcd» e', 'write `f`')], { color: false })).toBe(`lab.yaml:7:4: this is wrong
  7 | a: bcd e
    |    ^^^
    = write \`f\`
`)
})

test('no problem is no text, and two have a line between them', () => {
  expect(formatProblems([], { color: false })).toBe('')
  expect(formatProblems([problem('«a»'), problem('«b»')], { color: false }).split('\n\n')).toHaveLength(2)
})

test('carets stand under what they mark behind tabs, wide characters and clusters', () => {
  expect(shown('\ta:\t«bc»').slice(1, 3)).toEqual(['  7 |     a:    bc', '    |           ^^'])
  expect(shown('場所: «東京»').slice(1, 3)).toEqual(['  7 | 場所: 東京', '    |       ^^^^'])
  expect(shown('👩‍🔬: «x»').slice(1, 3)).toEqual(['  7 | 👩‍🔬: x', '    |     ^'])
})

test('nothing moves the cursor or turns the text around', () => {
  const text = formatProblems([{ ...problem('a\x1b[2J: «\u202eb\u009b»'), file: 'l\x07ab', message: 'm\r' }], {
    color: false,
  })
  expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Bidi_Control}]/u)
})

test('a long line is cut around what is marked, wherever that is', () => {
  for (const [before, after] of [
    [0, 500],
    [30, 500],
    [500, 0],
    [500, 10],
    [500, 500],
  ] as const) {
    const [, line = '', carets = ''] = shown(`${'b'.repeat(before)}«wrong»${'a'.repeat(after)}`)
    expect(Bun.stringWidth(line)).toBeLessThanOrEqual(106)
    expect(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1)).toBe('wrong')
  }
})

test('a mark wider than the terminal is cut itself', () => {
  const [, line = '', carets = ''] = shown(`${'b'.repeat(500)}«${'w'.repeat(500)}»`)
  expect(Bun.stringWidth(line)).toBeLessThanOrEqual(106)
  expect(carets.length).toBe(line.length)
})

test('wide characters are never cut in half', () => {
  const [, line = ''] = shown(`${'東'.repeat(100)}«x»${'京'.repeat(100)}`)
  expect(line).toMatch(/^ {2}7 \| …東+x京+…$/)
  expect(Bun.stringWidth(line)).toBeLessThanOrEqual(106)
})

test('a mark at the end of the line is one caret behind it', () => {
  expect(shown('abc«»').slice(1, 3)).toEqual(['  7 | abc', '    |    ^'])
})

test('color adds colors and nothing else', () => {
  const problems = [problem('a: «b»', 'hint')]
  const colored = formatProblems(problems, { color: true })
  expect(colored).toContain('\x1b[31m^\x1b[39m')
  expect(Bun.stripANSI(colored)).toBe(formatProblems(problems, { color: false }))
})
