import { cleanLine } from '../clean-line.ts'
import { printableJson } from '../json.ts'

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text of one line, whoever wrote it, as HTML: between tags and in quoted attributes. */
export const escaped = (text: string): string => cleanLine(text).replace(/[&<>"']/g, (sign) => entities[sign] ?? '')

/** Data for the page's script. In a script element only `<` could end it or begin a comment. */
export const dataElement = (id: string, value: object): string =>
  `<script type="application/json" id="${id}">${printableJson(value).replaceAll('<', '\\u003c')}</script>\n`
