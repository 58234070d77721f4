import { cleanLine } from './clean-line.ts'

/** `edge-1, edge-2, edge-3 and 197 more`: each once, in their order. */
export function listNames(names: readonly string[], atMost: number): string {
  const distinct = [...new Set(names.map(cleanLine))]
  if (distinct.length <= atMost) return distinct.join(', ')
  return `${distinct.slice(0, atMost - 1).join(', ')} and ${distinct.length - atMost + 1} more`
}
