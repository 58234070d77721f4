import { cleanLine } from './clean-line.ts'
import { listNodes } from './node-list.ts'
import type { Graph } from './task-graph.ts'

/** For Mermaid, as in a Markdown file. Where it runs stands below a name; nothing in a text is anything but text. */
export function graphMermaid({ nodes }: Graph): string {
  const names = new Map(nodes.map(({ id }, index) => [id, `n${index}`]))
  const boxes = nodes.map(({ id, on }) => {
    const label = [id, ...(on.length > 0 ? [listNodes(on.map((node) => ({ node })))] : [])].map(asText).join('<br/>')
    return `  ${names.get(id)}["${label}"]\n`
  })
  const arrows = nodes.flatMap(({ id, waitsFor }) =>
    waitsFor.map((need) => `  ${names.get(need)} --> ${names.get(id)}\n`),
  )
  return `flowchart LR\n${boxes.join('')}${arrows.join('')}`
}

/**
 * Mermaid takes quotes, HTML and Markdown apart: what is no letter, no digit and no mark that can do nothing there is written
 * by its number.
 */
const asText = (text: string): string =>
  cleanLine(text).replace(special, (character) => `#${character.codePointAt(0)};`) || ' '

/** Dots and dashes are harmless inside a word alone: at its ends they may begin a list. */
const special = /(?<![\p{L}\p{N}])[.-]|[.-](?![\p{L}\p{N}])|[^\p{L}\p{N} ,.@-]/gu
