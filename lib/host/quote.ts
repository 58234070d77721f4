/** Words that every POSIX shell takes as they are. `=` only after a dash: `a=b` in front of a command is an assignment. */
const plainWord = /^(?:[\w@%+:,./-]+|-[\w@%+:,./=-]+)$/

/**
 * One shell word, in POSIX single quotes where it needs any: the same for bash, dash and busybox, unlike zx's own `$'…'`.
 * Throws for a NUL, which no argument can carry.
 */
export function quote(text: string): string {
  if (text.includes('\0')) throw new TypeError('A command argument holds a NUL character')
  return plainWord.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
