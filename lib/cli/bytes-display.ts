import { formatBytes } from '../report/size.ts'
import type { GlobalOptions, Terminal } from './command.ts'
import { statusLine } from './status-line.ts'

export type BytesDisplay = {
  show(doneBytes: number, totalBytes: number): void
  end(): void
}

/** `writing the pack: 1.2 of 2.9 GiB`, now and then; with `--quiet` never. */
export function bytesDisplay(terminal: Terminal, { quiet }: GlobalOptions, what: string): BytesDisplay {
  const line = statusLine(terminal)
  let shownAt = performance.now()
  return {
    show(done, total) {
      const now = performance.now()
      if (quiet || now - shownAt < line.everyMilliseconds) return
      shownAt = now
      line.show(`${what}: ${formatBytes(done)} of ${formatBytes(total)}`)
    },
    end: line.clear,
  }
}
