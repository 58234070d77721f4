import type { Problem } from './topology.ts'

/** The text of a file, prepared for turning offsets into lines and columns. */
export type Source = { readonly file: string; readonly text: string; readonly lineStarts: readonly number[] }

export function makeSource(file: string, text: string): Source {
  const lineStarts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1)
  return { file, text, lineStarts }
}

/** Line and column, both from 1, of an offset; what lies behind the text counts as its end. */
export function placeAt(source: Source, offset: number): { readonly line: number; readonly column: number } {
  const inside = Math.min(Math.max(offset, 0), source.text.length)
  let low = 0
  let high = source.lineStarts.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((source.lineStarts[middle] ?? 0) <= inside) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: inside - (source.lineStarts[low] ?? 0) + 1 }
}

/** The line's text without its line break. */
function lineText(source: Source, line: number): string {
  const start = source.lineStarts[line - 1] ?? 0
  const end = source.lineStarts[line] ?? source.text.length + 1
  return source.text.slice(start, source.text[end - 2] === '\r' ? end - 2 : end - 1)
}

/** A problem about `start` up to `end`; one that spans lines is shown up to the end of its first line. */
export function problemAt(source: Source, start: number, end: number, message: string, hint?: string): Problem {
  const { line, column } = placeAt(source, start)
  const text = lineText(source, line)
  const shown = Math.min(column, text.length + 1)
  const length = Math.max(1, Math.min(end - start, text.length - shown + 1))
  return { file: source.file, line, column: shown, message, source: text, length, ...(hint ? { hint } : {}) }
}
