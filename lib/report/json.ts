import type { Reporter } from '../event/event.ts'

/** JSON.stringify escapes C0 only; a terminal obeys C1 and the direction marks as well. */
const obeyedByTerminals = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** JSON with nothing lost, and nothing in it that a terminal would obey. */
export const printableJson = (
  value: object,
  replacer?: (key: string, value: unknown) => unknown,
  indent?: number,
): string => JSON.stringify(value, replacer, indent).replace(obeyedByTerminals, escaped)

/** One JSON object a line, every event whole. */
export const jsonReporter =
  (write: (text: string) => void): Reporter =>
  (event) =>
    write(`${printableJson(event)}\n`)
