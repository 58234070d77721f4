import { cleanLine } from './clean-line.ts'
import { drawRails } from './draw-rails.ts'
import { cut, padEnd, padStart, widthOf } from './fit.ts'
import { listNodes } from './node-list.ts'
import { style } from './style.ts'
import { type Graph, type GraphNode, layersOf, withoutImplied } from './task-graph.ts'

export type GraphTextOptions = {
  readonly color?: boolean
  readonly unicode?: boolean
  /** Columns of the terminal; names of nodes are listed whole where it is left out. */
  readonly width?: number
  /** The lab's nodes: what runs on each of them is said to run on all. */
  readonly allNodes?: readonly string[]
}

/**
 * A line for each task, below all that it waits for, whose rails come down to it. The number before a line begins a layer: its
 * tasks can run side by side. A need that follows from another one has no rail of its own.
 */
export function graphText(graph: Graph, options: GraphTextOptions = {}): string {
  const paint = style(options.color ?? false)
  const reduced = withoutImplied(graph)
  const layers = layersOf(reduced)
  const layerOf = (node: GraphNode | undefined) => (node ? (layers.get(node.id) ?? 0) : 0)
  const nodes = reduced.nodes.toSorted((one, other) => layerOf(one) - layerOf(other))
  const rails = drawRails(nodes, options.unicode ?? false)
  const names = nodes.map(({ id }) => cleanLine(id))
  const widths = {
    number: String(layerOf(nodes.at(-1))).length,
    rails: Math.max(0, ...rails.map(widthOf)),
    name: Math.max(0, ...names.map(widthOf)),
  }
  const room = options.width && options.width - widths.number - widths.rails - widths.name - 6
  const whereOf = whereTexts(options.allNodes ?? [], room)
  const lines = nodes.map((node, at) => {
    const isFirst = layerOf(node) !== layerOf(nodes[at - 1])
    const parts = [
      paint.dim(padStart(isFirst ? String(layerOf(node)) : '', widths.number)),
      padEnd(rails[at] ?? '', widths.rails),
      paint.bold(padEnd(names[at] ?? '', widths.name)),
      whereOf(node.on),
    ]
    return parts.join('  ').trimEnd()
  })
  return lines.map((line) => `${line}\n`).join('')
}

/** As many names as there is room for, and how many more there are. */
function whereText(on: readonly string[], all: ReadonlySet<string>, room: number | undefined): string {
  if (all.size > 2 && on.length === all.size && on.every((node) => all.has(node))) return `all ${all.size} nodes`
  const nodes = on.map((node) => ({ node }))
  if (room === undefined) return listNodes(nodes, on.length)
  // A name and what parts it from the next takes three columns at least.
  for (let shown = Math.min(on.length, Math.ceil(room / 3)); shown > 0; shown--) {
    const text = listNodes(nodes, shown)
    if (widthOf(text) <= room) return text
  }
  return cut(on.length === 1 ? cleanLine(on[0] ?? '') : `${on.length} nodes`, room)
}

/** Many tasks run on the same nodes, which may be thousands: each list is made once. */
function whereTexts(all: readonly string[], room: number | undefined): (on: readonly string[]) => string {
  const allNodes = new Set(all)
  const texts = new Map<string, string>()
  return (on) => {
    const key = on.join('\n')
    const text = texts.get(key) ?? whereText(on, allNodes, room)
    texts.set(key, text)
    return text
  }
}
