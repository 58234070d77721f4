/**
 * A terminal as far as the live display needs one: text that wraps, line breaks, the cursor up and down, rows erased; what
 * scrolls off the top is kept. Anything else throws. Wide characters take two columns, as they do on the real ones.
 */
export function fakeScreen(columns: number, rows: number) {
  const history: Row[] = []
  const screen: Row[] = Array.from({ length: rows }, newRow)
  let isWrapping = true
  const cursor = { row: 0, column: 0 }
  const rowAt = (row: number): Row => screen[row] as Row

  const lineFeed = () => {
    if (cursor.row < rows - 1) cursor.row++
    else {
      history.push(screen.shift() as Row)
      screen.push(newRow())
    }
  }
  const print = (character: string) => {
    const width = Bun.stringWidth(character)
    if (width === 0) return
    if (cursor.column + width > columns && !isWrapping) cursor.column = Math.max(0, columns - width)
    else if (cursor.column + width > columns) {
      rowAt(cursor.row).wraps = true
      cursor.column = 0
      lineFeed()
    }
    const { cells } = rowAt(cursor.row)
    while (cells.length < cursor.column) cells.push(' ')
    cells.splice(cursor.column, width, character, ...Array.from({ length: width - 1 }, () => ''))
    cursor.column += width
  }
  const obey = (code: string, final: string) => {
    const number = Math.max(1, Number(code) || 1)
    if (final === 'A') cursor.row = Math.max(0, cursor.row - number)
    else if (final === 'B') cursor.row = Math.min(rows - 1, cursor.row + number)
    else if (final === 'K') erase(code)
    else if (final === 'J' && code === '') eraseBelow()
    else if (code === '?7') isWrapping = final === 'h'
    else if (final !== 'm' && final !== 'h' && final !== 'l') throw new Error(`not known: ${code}${final}`)
  }
  const eraseBelow = () => {
    erase('')
    for (const row of screen.slice(cursor.row + 1)) Object.assign(row, { wraps: false }).cells.splice(0)
  }
  const erase = (code: string) => {
    const row = rowAt(cursor.row)
    // With a full row the cursor stands on its last character.
    const from = code === '2' ? 0 : Math.min(cursor.column, columns - 1)
    row.cells.splice(from)
    row.wraps = false
  }

  return {
    columns,
    rows,
    write(text: string): void {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
      for (const [found, code, final] of text.matchAll(/\u001b\[([?\d;]*)([A-Za-z])|[\s\S]/gu)) {
        if (final !== undefined) obey(code ?? '', final)
        else if (found === '\r') cursor.column = 0
        else if (found === '\n') {
          cursor.column = 0
          lineFeed()
        } else print(found)
      }
    },
    /** Every line since the beginning, those that were wrapped in one piece, without what is empty at the end. */
    lines(): readonly string[] {
      const all = [...history, ...screen]
      const lines: string[] = []
      let open = false
      for (const { cells, wraps } of all) {
        const text = cells.join('')
        if (open) lines.push((lines.pop() ?? '') + text)
        else lines.push(text)
        open = wraps
      }
      while (lines.at(-1) === '') lines.pop()
      return lines
    },
  }
}

type Row = { readonly cells: string[]; wraps: boolean }
const newRow = (): Row => ({ cells: [], wraps: false })
