import { cut, padEnd, padStart, widthOf } from './fit.ts'

export type TableOptions = {
  /** Per column; `left` where nothing is said. */
  readonly align?: readonly ('left' | 'right')[]
  /** Where given, the widest columns are cut until a line fits into so many columns. */
  readonly width?: number
  /** Defaults to two spaces. */
  readonly gap?: string
}

/** Rows of cells as lines of aligned columns, without trailing spaces. A head is simply the first row. */
export function table(rows: readonly (readonly string[])[], options: TableOptions = {}): readonly string[] {
  const { align = [], width, gap = '  ' } = options
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, widthOf(cell))
    })
  }
  if (width !== undefined) shrink(widths, width - widthOf(gap) * (widths.length - 1))
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const columns = widths[column] ?? 0
      const text = cut(cell, columns)
      if (align[column] === 'right') return padStart(text, columns)
      // What comes behind the last cell would only be taken away again, and one cell may be very wide.
      return column === row.length - 1 ? text : padEnd(text, columns)
    })
    const line = cells.join(gap).trimEnd()
    return width === undefined ? line : cut(line, width)
  })
}

/** Takes columns from whichever cell is widest, so that short ones (numbers, names) stay whole as long as possible. */
function shrink(widths: number[], room: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) - room
  while (excess > 0) {
    const widest = Math.max(...widths)
    if (widest <= 1) return
    widths[widths.indexOf(widest)] = widest - 1
    excess -= 1
  }
}
