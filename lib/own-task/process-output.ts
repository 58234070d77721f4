import { splitLines } from '../host/split-lines.ts'

export type ProcessOutput = {
  /** An attempt begins. */
  begin(): void
  write(chunk: Buffer): void
  /** The attempt's output ends with this mark, which the process did not know before. Resolves when it has come; then nothing may follow. */
  until(mark: string): Promise<void>
  /** The mark will not come: what was held back for it is output like any other. */
  giveUp(): void
  end(): void
  /** Whether something came after a mark and before the next attempt: somebody else writes there. */
  hasMore(): boolean
}

/** One stream of a process, in lines that belong to the attempt under way. */
export function processOutput(onLine: (line: string) => void, mask: (text: string) => string): ProcessOutput {
  const lines = splitLines(onLine, mask)
  let mark: Buffer | undefined
  let held = Buffer.alloc(0)
  let seen: (() => void) | undefined
  let isResting = false
  let more = false
  const look = () => {
    const at = mark ? held.indexOf(mark) : -1
    if (!mark || at < 0) return
    lines.write(held.subarray(0, at))
    lines.end()
    more ||= at + mark.length < held.length
    mark = undefined
    held = Buffer.alloc(0)
    isResting = true
    seen?.()
  }
  return {
    begin() {
      isResting = false
    },
    write(chunk) {
      if (!mark) {
        more ||= isResting
        return lines.write(chunk)
      }
      held = Buffer.concat([held, chunk])
      look()
    },
    until(text) {
      mark = Buffer.from(text)
      return new Promise((resolve) => {
        seen = resolve
      })
    },
    giveUp() {
      mark = undefined
      lines.write(held)
      held = Buffer.alloc(0)
    },
    end() {
      this.giveUp()
      lines.end()
    },
    hasMore: () => more,
  }
}
