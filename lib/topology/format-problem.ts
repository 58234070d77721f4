import type { Problem } from './topology.ts'

const lineWidth = 100
const widthBeforeCaret = 40

/** In UTF-16 units: what a line can show at most of text that takes no width at all, and the longest message. */
const mostOfLine = 1600
const mostOfMessage = 4000

/**
 * Problems as a compiler prints them: place and message, the offending line, a caret line, a hint; an empty line between two.
 * Ends with a line break unless there is nothing to say.
 */
export function formatProblems(problems: readonly Problem[], { color }: { readonly color: boolean }): string {
  return problems.map((problem) => formatProblem(problem, color ? paints : plain)).join('\n')
}

function formatProblem({ file, line, column, message, source, length, hint }: Problem, paint: Paints): string {
  const number = String(line)
  const margin = ' '.repeat(number.length)
  const { before, marked, after } = crop(
    visible(source.slice(Math.max(0, column - 1 - mostOfLine), column - 1)),
    visible(source.slice(column - 1, column - 1 + Math.min(length, mostOfLine))),
    visible(source.slice(column - 1 + length, column - 1 + length + mostOfLine)),
  )
  const indent = ' '.repeat(Bun.stringWidth(before))
  const carets = '^'.repeat(Math.max(1, Bun.stringWidth(marked)))
  const lines = [
    `${paint.strong(`${visible(file)}:${line}:${column}:`)} ${paint.bad(visible(short(message)))}`,
    `  ${paint.faint(`${number} |`)} ${before}${marked}${after}`.trimEnd(),
    `  ${paint.faint(`${margin} |`)} ${indent}${paint.bad(carets)}`,
    ...(hint ? [`  ${paint.faint(`${margin} =`)} ${visible(hint)}`] : []),
  ]
  return `${lines.join('\n')}\n`
}

type Paints = Readonly<Record<'strong' | 'bad' | 'faint', (text: string) => string>>
const plain: Paints = { strong: (text) => text, bad: (text) => text, faint: (text) => text }
const paints: Paints = {
  strong: (text) => `\x1b[1m${text}\x1b[22m`,
  bad: (text) => `\x1b[31m${text}\x1b[39m`,
  faint: (text) => `\x1b[2m${text}\x1b[22m`,
}

const short = (text: string): string => (text.length > mostOfMessage ? `${text.slice(0, mostOfMessage)}…` : text)

/** Tabs as four spaces; what could move the cursor or turn the text around, as a replacement character. */
function visible(text: string): string {
  return text
    .replaceAll('\t', '    ')
    .replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff]/gu, '\ufffd')
    .toWellFormed()
}

/** A line too wide for a terminal, cut around what the carets mark. */
function crop(before: string, marked: string, after: string) {
  if (Bun.stringWidth(before + marked + after) <= lineWidth) return { before, marked, after }
  const start = lastColumns(before, widthBeforeCaret)
  const middle = firstColumns(marked, lineWidth - Bun.stringWidth(start))
  const end = middle === marked ? firstColumns(after, lineWidth - Bun.stringWidth(start + middle)) : ''
  return { before: start, marked: middle, after: end }
}

function firstColumns(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text
  let taken = ''
  let width = 1
  for (const { segment } of new Intl.Segmenter().segment(text.slice(0, columns * 16))) {
    width += Bun.stringWidth(segment)
    if (width > columns) break
    taken += segment
  }
  return taken === text || columns < 1 ? taken : `${taken}…`
}

function lastColumns(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text
  const segments = [...new Intl.Segmenter().segment(text.slice(-columns * 16))].map(({ segment }) => segment)
  let taken = ''
  let width = 1
  for (const segment of segments.reverse()) {
    width += Bun.stringWidth(segment)
    if (width > columns) break
    taken = segment + taken
  }
  return `…${taken}`
}
