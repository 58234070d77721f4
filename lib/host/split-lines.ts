const shownCharacters = 16 * 1024
// A secret that begins before the cut must be whole when it is masked.
const heldCharacters = 4 * shownCharacters

export type LineSplitter = { write(chunk: Buffer): void; end(): void }

/**
 * Calls `onLine` for each line, the last one also without its newline. Lines are masked by `mask` while whole and then cut to
 * 16 KiB; of a line that redraws itself by carriage returns only the last drawing counts. Chunks must not cut characters in two.
 */
export function splitLines(onLine: (line: string) => void, mask: (text: string) => string): LineSplitter {
  let held = ''
  const emit = (text: string) => {
    const drawn = text.endsWith('\r') ? text.slice(0, -1) : text
    const line = mask(drawn.slice(drawn.lastIndexOf('\r') + 1))
    onLine(line.length > shownCharacters ? `${line.slice(0, shownCharacters)} …` : line)
  }
  return {
    write(chunk) {
      const lines = chunk.toString('utf8').split('\n')
      const last = lines.pop() ?? ''
      for (const line of lines) {
        emit(held + line)
        held = ''
      }
      if (held.length < heldCharacters) held += last.slice(0, heldCharacters)
    },
    end() {
      if (held) emit(held)
      held = ''
    },
  }
}
