import type { Duplex } from 'node:stream'

/**
 * ssh2 hands over each packet as its length, its content and its tag, one by one, and each would be a system call of its own.
 * What is written within one turn goes out as one; nothing waits for the next turn.
 */
export function gatherWrites<Stream extends Duplex>(stream: Stream): Stream {
  const write = stream.write.bind(stream)
  const end = stream.end.bind(stream)
  let held: Uint8Array[] = []
  const flush = () => {
    const [first, ...others] = held
    held = []
    if (first && !stream.destroyed) write(others.length > 0 ? Buffer.concat([first, ...others]) : first)
  }
  return Object.assign(stream, {
    // ssh2 heeds the windows of its channels, not what the socket answers.
    write(chunk: Uint8Array) {
      if (held.length === 0) process.nextTick(flush)
      held.push(chunk)
      return true
    },
    end() {
      flush()
      return end()
    },
  })
}
