import { cleanLine } from './clean-line.ts'

/** A word of a command line that is printed for copying: quoted where a shell would take it for more than itself. */
export function shellWord(text: string): string {
  const word = cleanLine(text)
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
