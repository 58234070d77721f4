/** Columns that text takes on a terminal; wide characters count two. */
export const widthOf = (text: string): number => Bun.stringWidth(text)

/** Plain text in at most `width` columns, its end replaced by an ellipsis where something was cut off. */
export function cut(text: string, width: number, ellipsis = '…'): string {
  if (widthOf(text) <= width) return text
  // Not Bun.sliceAnsi: it keeps a wide character that reaches one column over the end (seen in Bun 1.4.5).
  const sign = width > widthOf(ellipsis) ? ellipsis : ''
  let left = width - widthOf(sign)
  let kept = ''
  for (const { segment } of graphemes.segment(text)) {
    left -= widthOf(segment)
    if (left < 0) break
    kept += segment
  }
  return kept + sign
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

export const padEnd = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)))
export const padStart = (text: string, width: number): string => ' '.repeat(Math.max(0, width - widthOf(text))) + text

/** Lines of at most `width` columns, broken between words where possible; one line where `width` is undefined. */
export const wrap = (text: string, width: number | undefined): readonly string[] =>
  width === undefined ? [text] : Bun.wrapAnsi(text, Math.max(1, width), { hard: true, trim: true }).split('\n')
