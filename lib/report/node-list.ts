import { cleanLine } from './clean-line.ts'

/** So many in a row are told by the first and the last of them. */
const shortestRange = 4

/** `edge-1, edge-2, edge-10 to edge-60 and 40 more`: names in order, at most so many parts of them. */
export function listNodes(instances: readonly { readonly node: string }[], atMost = 6): string {
  const ranges = rangesOf(nodesOf(instances))
  const shown = ranges.length <= atMost ? ranges : ranges.slice(0, atMost - 1)
  const hidden = ranges.slice(shown.length).reduce((sum, { length }) => sum + length, 0)
  const text = shown
    .map((range) => (range.length < shortestRange ? range.join(', ') : `${range[0]} to ${range.at(-1)}`))
    .join(', ')
  return hidden === 0 ? text : `${text} and ${hidden} more`
}

/** Each once, by the numbers in their names. */
export const nodesOf = (instances: readonly { readonly node: string }[]): readonly string[] =>
  [...new Set(instances.map(({ node }) => cleanLine(node)))].sort(byNumber)

const byNumber = new Intl.Collator('en', { numeric: true }).compare

/** Names that differ in a number at their end, which goes up by one; what is too short for a range stays single. */
function rangesOf(nodes: readonly string[]): readonly (readonly string[])[] {
  const ranges: string[][] = []
  for (const node of nodes) {
    const last = ranges.at(-1)
    if (last && node === nextOf(last.at(-1) ?? '')) last.push(node)
    else ranges.push([node])
  }
  return ranges.flatMap((range) => (range.length < shortestRange ? range.map((node) => [node]) : [range]))
}

function nextOf(node: string): string | undefined {
  const [, stem, number] = /^(.*?)(0|[1-9]\d{0,8})$/.exec(node) ?? []
  return stem === undefined || stem === '' ? undefined : `${stem}${Number(number) + 1}`
}
