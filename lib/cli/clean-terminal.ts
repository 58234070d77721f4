import { cleanText } from '../report/clean-line.ts'
import type { Terminal } from './command.ts'

/** By which a display of kedge's own begins to draw its line anew. */
const redraw = '\r\x1b[K'

/**
 * The terminal behind a net: what nodes, bundles and files say may stand in any line that a command writes, and none of it
 * shall move the cursor, set a title, fill a clipboard or turn text around. `kedge ssh` and `kedge kubectl` hand their
 * terminal over and do not come by here; logs keep the bytes as they were printed.
 */
export const cleanTerminal = (terminal: Terminal): Terminal => ({
  ...terminal,
  write: (text) => terminal.write(cleanText(text)),
  error: (text) =>
    terminal.error(text.startsWith(redraw) ? redraw + cleanText(text.slice(redraw.length)) : cleanText(text)),
})
