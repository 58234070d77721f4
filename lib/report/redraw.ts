import { widthOf } from './fit.ts'

/** A terminal; its size is read at each drawing, so that a resize shows at the next one. */
export type LiveStream = { write(text: string): unknown; readonly columns?: number; readonly rows?: number }

export type Redrawable = {
  /** What a frame may take at most. */
  size(): { readonly columns: number; readonly rows: number }
  /** Lines that stay, which may be longer than the terminal is wide, then a frame in the place of the one before. */
  draw(above: readonly string[], frame: readonly string[]): void
  /** The next frame begins where the cursor stands; the one before stays as it is. */
  beginAnew(): void
}

/**
 * A frame at the end of the terminal that is drawn over in place. Each drawing is one write in which nothing is wiped before
 * something is written over it, lines that stay the same are passed over, and the cursor is hidden only within that write (so
 * a killed kedge never leaves a terminal without one). A narrowed terminal is wiped as it has broken the lines.
 */
export function redrawable(stream: LiveStream): Redrawable {
  let drawn: readonly string[] = []
  let drawnColumns = 0
  let drawnRows = 0
  const columnsNow = () => stream.columns || 80
  const rowsNow = () => stream.rows || 24

  return {
    // The last column stays free, terminals differ in what they do once it is filled; so does the row of the cursor.
    size: () => ({ columns: Math.max(1, columnsNow() - 1), rows: Math.max(1, rowsNow() - 1) }),
    draw(above, frame) {
      const [columns, rows] = [columnsNow(), rowsNow()]
      const isResized = columns !== drawnColumns || rows !== drawnRows
      if (above.length === 0 && !isResized && Bun.deepEquals(frame, drawn)) return
      const broken = columns < drawnColumns ? drawn.flatMap((line) => brokenAt(line, columns)) : drawn
      // What no longer fits has scrolled away, out of reach.
      const height = Math.min(broken.length, Math.max(0, rows - 1))
      // Whole rows: where a terminal has broken a line, only that makes it forget that its rows belong together.
      const wiped = isResized ? '\u001b[A\u001b[2K'.repeat(height) : ''
      let text = `${wiped || (height > 0 ? `\u001b[${height}A` : '')}\r`
      for (const line of above) text += `${line}${fillsItsRow(line, columns) ? '' : '\u001b[K'}\n`
      const passable = above.length === 0 && !isResized ? drawn : []
      const lines = frame.map((line, at) => (line === passable[at] ? '\n' : `${line}\u001b[K\n`))
      // Terminals differ in how wide some characters are; a row that turns out too long must not become two.
      if (lines.length > 0) text += `\u001b[?7l${lines.join('')}\u001b[?7h`
      // Told to clear from the top corner on, tmux moves what stands there to its history instead.
      text += above.length + frame.length > 0 ? '\u001b[J' : clearRows(height)
      drawn = frame
      drawnColumns = columns
      drawnRows = rows
      stream.write(`\u001b[?2026h\u001b[?25l${text}\u001b[?25h\u001b[?2026l`)
    },
    beginAnew() {
      drawn = []
    },
  }
}

const clearRows = (rows: number): string =>
  rows === 0 ? '' : `${'\u001b[2K\u001b[B'.repeat(rows)}\u001b[2K\u001b[${rows}A`

/** The rows that a line takes in so many columns. */
const brokenAt = (line: string, columns: number): readonly string[] =>
  widthOf(line) <= columns
    ? [line]
    : Bun.wrapAnsi(line, columns, { hard: true, wordWrap: false, trim: false }).split('\n')

/** The cursor then stands on the last character, which clearing the rest of the row would take away. */
const fillsItsRow = (line: string, columns: number): boolean => widthOf(brokenAt(line, columns).at(-1) ?? '') >= columns
