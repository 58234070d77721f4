import { type Graph, layersOf } from '../task-graph.ts'

/** Where a box lies, in columns and lines of boxes; halves of a column are possible. */
export type PlacedBox = { readonly id: string; readonly column: number; readonly line: number }

const mostBesides = 6

/** Layer below layer; within one, each box as near below what it waits for as its neighbours let it. */
export function placeGraph(graph: Graph): ReadonlyMap<string, PlacedBox> {
  const layers = layersOf(graph)
  const placed = new Map<string, PlacedBox>()
  let line = 0
  for (const [, nodes] of [...Map.groupBy(graph.nodes, ({ id }) => layers.get(id) ?? 1)].sort(([a], [b]) => a - b)) {
    const wanted = nodes
      .map(({ id, waitsFor }) => {
        const columns = waitsFor.flatMap((need) => placed.get(need)?.column ?? [])
        return { id, at: columns.reduce((sum, column) => sum + column, 0) / Math.max(1, columns.length) }
      })
      .sort((one, other) => one.at - other.at)
    for (let from = 0; from < wanted.length; from += mostBesides) {
      const besides = wanted.slice(from, from + mostBesides)
      const centre = besides.reduce((sum, { at }) => sum + at, 0) / besides.length
      besides.forEach(({ id }, index) => {
        placed.set(id, { id, line, column: Math.round((centre + index - (besides.length - 1) / 2) * 2) / 2 })
      })
      line += 1
    }
  }
  const first = Math.min(0, ...[...placed.values()].map(({ column }) => column))
  return new Map([...placed].map(([id, box]) => [id, { ...box, column: box.column - first }]))
}
