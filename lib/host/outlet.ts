import { Readable } from 'node:stream'

export type Outlet = {
  readonly stream: Readable
  /** Passes on what the source yields; the source waits whenever nobody reads. `filter` may hold back or drop bytes. */
  attach(source: Readable, filter?: (chunk: Buffer) => Buffer): void
  push(chunk: Buffer): void
  end(): void
}

let askForBacklog: () => Promise<void> | undefined = () => undefined

/** What commands print is taken in only as fast as it is passed on: not before what `ask` yields, which is asked after each chunk. */
export function holdOutputFor(ask: () => Promise<void> | undefined): void {
  askForBacklog = ask
}

/**
 * A stream that never cuts a UTF-8 character in two. zx decodes each chunk by itself, so a character across two reads would
 * come out broken. At most three bytes are held back, and handed on at the end whatever they are: binary data passes unchanged.
 */
export function createOutlet(): Outlet {
  let source: Readable | undefined
  let isHeld = false
  let held: Buffer | undefined
  const stream = new Readable({
    read() {
      if (!isHeld) source?.resume()
    },
  })
  const push = (chunk: Buffer) => {
    collectSpentChunks(chunk.length)
    const joined = held ? Buffer.concat([held, chunk]) : chunk
    const cut = joined.length - unfinishedBytes(joined)
    held = cut < joined.length ? joined.subarray(cut) : undefined
    if (cut > 0 && !stream.push(cut < joined.length ? joined.subarray(0, cut) : joined)) source?.pause()
  }
  const end = () => {
    if (stream.readableEnded || stream.destroyed) return
    if (held) stream.push(held)
    held = undefined
    stream.push(null)
  }
  return {
    stream,
    push,
    end,
    attach(from, filter) {
      source = from
      from.on('data', (chunk: Buffer) => {
        const passed = filter ? filter(chunk) : chunk
        if (passed.length > 0) push(passed)
        const backlog = askForBacklog()
        if (!backlog || isHeld) return
        isHeld = true
        from.pause()
        void backlog.then(() => {
          isHeld = false
          from.resume()
        })
      })
      from.once('end', end)
      from.once('close', end)
      from.once('error', end)
    },
  }
}

/**
 * The engine lets garbage grow with what a program has loaded, here to several hundred MiB while a command floods: of the chunks, and
 * many times their size of the lines and events made from them. Counted over all commands, since it is the process that must stay small.
 */
const collectEveryBytes = 1024 * 1024
let bytesSinceCollection = 0
function collectSpentChunks(bytes: number): void {
  bytesSinceCollection += bytes
  if (bytesSinceCollection < collectEveryBytes) return
  bytesSinceCollection = 0
  Bun.gc(true)
}

/** How many bytes at the end of the chunk begin a character that goes on in the next one. */
function unfinishedBytes(chunk: Buffer): number {
  for (let back = 1; back <= Math.min(3, chunk.length); back++) {
    const byte = chunk[chunk.length - back] ?? 0
    if ((byte & 0xc0) === 0x80) continue
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return needed > back ? back : 0
  }
  return 0
}
