/** What runs down a column, from the line of `id` to the last line that waits for it. */
type Rail = { readonly id: string; left: number }

const unicodeMarks = {
  ...{ node: '●', rail: '│', line: '─' },
  ...{ left: '├', middle: '┼', right: '┤', leftEnd: '╰', middleEnd: '┴', rightEnd: '╯' },
}
const asciiMarks: typeof unicodeMarks = {
  ...{ node: 'o', rail: '|', line: '-' },
  ...{ left: '+', middle: '+', right: '+', leftEnd: "'", middleEnd: "'", rightEnd: "'" },
}

/**
 * A drawing's left part, a line for each node in the given order: rails from each node down to those that wait for it, two
 * columns wide each. A line across is connected to a rail by a corner or a cross; where it only passes one, the rail has a
 * gap on both sides: `─│─`.
 */
export function drawRails(
  nodes: readonly { readonly id: string; readonly waitsFor: readonly string[] }[],
  unicode: boolean,
): readonly string[] {
  const marks = unicode ? unicodeMarks : asciiMarks
  const waiting = new Map<string, number>()
  for (const need of nodes.flatMap(({ waitsFor }) => waitsFor)) waiting.set(need, (waiting.get(need) ?? 0) + 1)
  const rails: (Rail | undefined)[] = []
  // A node right below one that nothing waits for would look as if it did.
  let resting: number | undefined
  return nodes.map(({ id, waitsFor }) => {
    const joined = waitsFor
      .map((need) => rails.findIndex((rail) => rail?.id === need))
      .filter((column) => column >= 0)
      .sort((one, other) => one - other)
    const isEnding = (column: number) => rails[column]?.left === 1
    const own = joined.find(isEnding) ?? freeColumn(rails, joined[0] ?? -1, resting)
    const first = Math.min(own, ...joined)
    const last = Math.max(own, ...joined)
    const sign = (column: number): string => {
      if (column === own) return marks.node
      const isAcross = column > first && column < last
      if (!joined.includes(column)) return rails[column] ? marks.rail : isAcross ? marks.line : ' '
      const side = column === first ? 'left' : column === last ? 'right' : 'middle'
      return marks[isEnding(column) ? (`${side}End` as const) : side]
    }
    const columns = Math.max(rails.length, last + 1)
    const cells = Array.from(
      { length: columns },
      (_, column) => sign(column) + (column >= first && column < last ? marks.line : ' '),
    )
    for (const column of joined) {
      const rail = rails[column]
      if (rail && --rail.left === 0) rails[column] = undefined
    }
    const left = waiting.get(id) ?? 0
    rails[own] = left > 0 ? { id, left } : undefined
    resting = left > 0 ? undefined : own
    while (rails.length > 0 && rails.at(-1) === undefined) rails.pop()
    return cells.join('').trimEnd()
  })
}

/** The first that nothing runs down, right of what it waits for. */
function freeColumn(rails: readonly unknown[], after: number, resting: number | undefined): number {
  let column = after + 1
  while (rails[column] !== undefined || column === resting) column += 1
  return column
}
