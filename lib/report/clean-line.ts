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

const likeAscii: Readonly<Record<string, string>> = {
  '…': '...',
  '“': '"',
  '”': '"',
  '‘': "'",
  '’': "'",
  '–': '-',
  '—': '-',
  '→': '->',
  '✔': '+',
  '✖': 'x',
  '·': '-',
}

/** Text for a terminal that shows ASCII alone: what has no likeness in it becomes a question mark. Escapes and line breaks stay. */
export const asciiText = (text: string): string =>
  text.replace(/[\u0080-\u{10ffff}]/gu, (character) => likeAscii[character] ?? '?')

/** A colour or another look of text, which does no more than that. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: of these it lets one through
const looks = /\u001b\[[0-9;:]*m/
const obeyed = new RegExp(`${looks.source}|\\r\\n|(?![\\t\\n])${unprintable.source}`, 'g')

/**
 * Text of several lines as it may go to a terminal: with its line breaks and tabs and, of escape sequences, colours alone. What
 * else a terminal obeys shows as a replacement character, so that nothing that a node printed can hide or forge a line.
 */
export const cleanText = (text: string): string =>
  text.replace(obeyed, (found) => (looks.test(found) ? found : found === '\r\n' ? '\n' : '\ufffd'))
