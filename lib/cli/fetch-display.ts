import type { Progress, Snapshot } from '../bundle/progress.ts'
import { formatClock } from '../report/duration.ts'
import { formatBytes } from '../report/size.ts'
import type { GlobalOptions, Terminal } from './command.ts'

export type FetchDisplay = {
  /** A line that stays. */
  say(text: string): void
  /** Instead of what is being fetched, once that is over: bytes of the bundle that is written. */
  writing(doneBytes: number, totalBytes: number): void
  end(): void
}

const plainSeconds = 5

/** On a terminal one line that changes, elsewhere one every few seconds; with `--quiet` none. */
export function fetchDisplay(terminal: Terminal, progress: Progress, options: GlobalOptions): FetchDisplay {
  if (options.quiet) return { say: () => {}, writing: () => {}, end: () => {} }
  const isLive = terminal.isTty && terminal.env.TERM !== 'dumb'
  let writing: string | undefined
  let shown = ''
  const clear = () => {
    if (isLive && shown) terminal.error('\r\x1b[K')
    shown = ''
  }
  const show = () => {
    const line = writing ?? progressLine(progress.snapshot(performance.now() / 1000))
    if (!line || line === shown) return
    const width = terminal.errorStream.columns || 80
    terminal.error(isLive ? `\r\x1b[K${line.slice(0, width - 1)}` : `${line}\n`)
    shown = line
  }
  const timer = setInterval(show, isLive ? 250 : plainSeconds * 1000)
  return {
    say(text) {
      clear()
      terminal.error(`${text}\n`)
    },
    writing(done, total) {
      writing = `writing the bundle: ${formatBytes(done)} of ${formatBytes(total)}`
    },
    end() {
      clearInterval(timer)
      clear()
    },
  }
}

/** `12 of 31 pieces, 0.9 of 2.8 GiB, 41.0 MiB/s, 0:47 left`; empty while there is nothing to fetch. */
export function progressLine(snapshot: Snapshot): string {
  const { piecesDone, pieces, doneBytes, totalBytes, bytesPerSecond, secondsLeft } = snapshot
  if (pieces === 0) return ''
  return [
    `${piecesDone} of ${pieces} pieces`,
    totalBytes === undefined ? formatBytes(doneBytes) : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
    ...(bytesPerSecond === undefined ? [] : [`${formatBytes(bytesPerSecond)}/s`]),
    ...(secondsLeft === undefined ? [] : [`${formatClock(secondsLeft)} left`]),
  ].join(', ')
}
