import type { Terminal } from './command.ts'

/** What goes on, in one line of stderr. */
export type StatusLine = {
  /** How often there is sense in showing something. */
  readonly everyMilliseconds: number
  show(text: string): void
  /** Makes room for what stays. */
  clear(): void
}

/** On a terminal one line that changes, elsewhere a line for each text. */
export function statusLine({ isTty, env, errorStream, error }: Terminal): StatusLine {
  const isLive = isTty && env.TERM !== 'dumb'
  let shown = ''
  return {
    everyMilliseconds: isLive ? 250 : 5000,
    show(text) {
      if (text === shown) return
      shown = text
      error(isLive ? `\r\x1b[K${text.slice(0, (errorStream.columns || 80) - 1)}` : `${text}\n`)
    },
    clear() {
      if (isLive && shown) error('\r\x1b[K')
      shown = ''
    },
  }
}
