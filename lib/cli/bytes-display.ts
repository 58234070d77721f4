import { formatBytes } from '../report/size.ts'
import type { GlobalOptions, Terminal } from './command.ts'

export type BytesDisplay = {
  show(doneBytes: number, totalBytes: number): void
  end(): void
}

/** `writing the pack: 1.2 of 2.9 GiB`: on a terminal one line that changes, elsewhere one every few seconds; with `--quiet` none. */
export function bytesDisplay(terminal: Terminal, { quiet }: GlobalOptions, what: string): BytesDisplay {
  const isLive = terminal.isTty && terminal.env.TERM !== 'dumb'
  const everyMilliseconds = isLive ? 250 : 5000
  let shownAt = performance.now()
  let isShown = false
  return {
    show(done, total) {
      const now = performance.now()
      if (quiet || now - shownAt < everyMilliseconds) return
      shownAt = now
      isShown = true
      const text = `${what}: ${formatBytes(done)} of ${formatBytes(total)}`
      terminal.error(isLive ? `\r\x1b[K${text}` : `${text}\n`)
    },
    end() {
      if (isLive && isShown) terminal.error('\r\x1b[K')
      isShown = false
    },
  }
}
