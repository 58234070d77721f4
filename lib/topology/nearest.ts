/**
 * The candidate that `word` most likely stands for, or undefined where none is near: at most one slip in a word of up to
 * four letters, then one more per three letters. Case, `-` and `_` do not count, so `pod_cidr` is `podCidr`.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = fold(word)
  if (wanted === '' || wanted.length > longest) return undefined
  const tolerance = wanted.length === 1 ? 0 : Math.max(1, Math.floor((wanted.length - 1) / 3))
  let best: { readonly candidate: string; readonly distance: number } | undefined
  for (const candidate of candidates) {
    const limit = best ? best.distance - 1 : tolerance
    const distance = slips(wanted, fold(candidate), limit)
    if (distance <= limit) best = { candidate, distance }
    if (distance === 0) break
  }
  return best?.candidate
}

const longest = 64

const fold = (word: string): string => word.toLowerCase().replace(/[-_ ]/g, '')

/** Insertions, deletions, replacements and swaps of neighbours between two words; any number above `limit` means "more". */
function slips(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1))
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (isSwap) cost = Math.min(cost, at(beforeLast, column - 2) + 1)
      current.push(cost)
    }
    if (Math.min(...current) > limit) return limit + 1
    beforeLast = last
    last = current
  }
  return at(last, b.length)
}

const at = (row: readonly number[], column: number): number => row[column] ?? Number.POSITIVE_INFINITY
