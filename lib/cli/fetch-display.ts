import type { Progress, Snapshot } from '../bundle/progress.ts'
import { formatClock } from '../report/duration.ts'
import { formatBytes } from '../report/size.ts'
import type { GlobalOptions, Terminal } from './command.ts'
import { statusLine } from './status-line.ts'

export type FetchDisplay = {
  /** A line that stays. */
  say(text: string): void
  /** Instead of what is being fetched, once that is over: bytes of the bundle that is written. */
  writing(doneBytes: number, totalBytes: number): void
  end(): void
}

/** How far the fetching is, now and then; with `--quiet` nothing. */
export function fetchDisplay(terminal: Terminal, progress: Progress, options: GlobalOptions): FetchDisplay {
  if (options.quiet) return { say: () => {}, writing: () => {}, end: () => {} }
  const line = statusLine(terminal)
  let writing: string | undefined
  const show = () => {
    const text = writing ?? progressLine(progress.snapshot(performance.now() / 1000))
    if (text) line.show(text)
  }
  const timer = setInterval(show, line.everyMilliseconds)
  return {
    say(text) {
      line.clear()
      terminal.error(`${text}\n`)
    },
    writing(done, total) {
      writing = `writing the bundle: ${formatBytes(done)} of ${formatBytes(total)}`
    },
    end() {
      clearInterval(timer)
      line.clear()
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
