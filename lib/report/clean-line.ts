/** C0, DEL, C1, line separators, and the marks that turn the direction of text around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the terminal
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** What a terminal would show of a line that redraws itself with carriage returns: its last version. */
export function lastVersion(line: string): string {
  const end = line.replace(/[\r\n]+$/, '')
  return end.slice(end.lastIndexOf('\r') + 1)
}

/**
 * One printable line: no colour, cursor movement, window title or line break of a node's output reaches the terminal.
 * What cannot be shown is left out, tabs and line breaks become a space.
 */
export function cleanLine(text: string): string {
  const plain = Bun.stripANSI(text.replace(/[\t\r\n]+/g, ' '))
  return plain.replace(unprintable, '').toWellFormed()
}
