/** A command line of bash up to the cursor, without the program's name. */
export type Line = {
  /** The words before the one at the cursor, as the shell would hand them over. */
  readonly before: readonly string[]
  /** As much as there is of the word at the cursor; empty after a space. */
  readonly current: string
  /** Where in `current` readline's own idea of the word begins: what stands before it is left as it is. */
  readonly start: number
  /** The quotation mark that is open at the cursor. */
  readonly quote: string
}

/** Takes a line apart by the rules of quoting; nothing in it is expanded. `breaks` are bash's COMP_WORDBREAKS. */
export function splitLine(line: string, breaks: string): Line {
  const words: string[] = []
  let word: string | undefined
  let start = 0
  let quote = ''
  for (let at = 0; at < line.length; at++) {
    const letter = line.charAt(at)
    const next = line.charAt(at + 1)
    if (letter === quote) quote = ''
    else if (letter === '\\' && quote !== "'" && next !== '' && (quote === '' || '\\"$`'.includes(next))) {
      word = (word ?? '') + next
      at++
    } else if (quote === '' && (letter === '"' || letter === "'")) {
      quote = letter
      word ??= ''
      start = word.length
    } else if (quote === '' && /\s/.test(letter)) {
      if (word !== undefined) words.push(word)
      word = undefined
      start = 0
    } else {
      word = (word ?? '') + letter
      // An @ belongs to the word that it begins, since a host name might follow.
      if (quote === '' && breaks.includes(letter)) start = word.length - (letter === '@' ? 1 : 0)
    }
  }
  return { before: words.slice(1), current: word ?? '', start, quote }
}

/** A candidate as it is to stand in the line in place of readline's word; undefined where the open quotes cannot hold it. */
export function insertion(value: string, { start, quote }: Line): string | undefined {
  const rest = value.slice(start)
  if (quote === '') return rest.replace(/[\s"'`$&|;<>()*?[\]{}!#~^\\]/g, '\\$&')
  return (quote === "'" ? /'/ : /["$`!\\]/).test(rest) ? undefined : rest
}
