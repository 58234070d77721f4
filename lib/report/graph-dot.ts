import { cleanLine } from './clean-line.ts'
import { listNodes } from './node-list.ts'
import type { Graph } from './task-graph.ts'

/** For Graphviz. Where it runs stands below a name; nothing in a text is anything but text. */
export function graphDot({ name, nodes }: Graph): string {
  const names = new Map(nodes.map(({ id }, index) => [id, `n${index}`]))
  const boxes = nodes.map(({ id, on }) => {
    const label = [id, ...(on.length > 0 ? [listNodes(on.map((node) => ({ node })))] : [])].map(asText).join('\\n')
    return `  ${names.get(id)} [label="${label}"];\n`
  })
  const arrows = nodes.flatMap(({ id, waitsFor }) =>
    waitsFor.map((need) => `  ${names.get(need)} -> ${names.get(id)};\n`),
  )
  return `digraph "${asText(name)}" {\n  rankdir=LR;\n  node [shape=box];\n${boxes.join('')}${arrows.join('')}}\n`
}

/** Graphviz reads backslashes and HTML's entities in every text. */
const asText = (text: string): string =>
  cleanLine(text).replaceAll('&', '&amp;').replaceAll('\\', '\\\\').replaceAll('"', '\\"')
