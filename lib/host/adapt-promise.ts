import type { Writable } from 'node:stream'
import type { ProcessPromise, Shell } from 'zx'
import { ProcessPromise as ZxPromise } from 'zx/core'
import type { Child } from './child.ts'
import type { OutputStore } from './output-store.ts'
import { showCommand } from './secret.ts'

/** What is known of a failed command besides its output. */
export type FailedCommand = { readonly host: string; readonly shown: string; readonly timedOut: boolean }

/** By the ProcessOutput that a command ended with. */
export const failedCommands = new WeakMap<object, FailedCommand>()

type Adaptation = {
  readonly host: string
  readonly store: OutputStore
  /** Told each chunk of stdout. */
  readonly taps: Set<(chunk: Buffer) => void>
  readonly signal: AbortSignal
  /** The shell that a piped template runs in. */
  readonly $: Shell
}

export const isTemplate = (value: unknown): value is TemplateStringsArray => Array.isArray(value) && 'raw' in value

const unreadBytes = 1024 * 1024

/** Makes zx's promise keep its word on a host: pipes stay there, lines are bounded, and a lost command is never forgiven. */
export function adaptPromise(promise: ProcessPromise, adaptation: Adaptation): ProcessPromise {
  const { isNothrow } = promise
  const { pipe } = promise
  const child = () => promise.child as unknown as Child | undefined

  // zx asks this of a failed command, with its output at hand.
  const forgive = () => {
    const output = promise.output
    if (output) {
      failedCommands.set(output, {
        host: adaptation.host,
        shown: showCommand(promise.cmd),
        timedOut: child()?.timedOut ?? false,
      })
    }
    return isNothrow.call(promise) && !output?.cause && !adaptation.signal.aborted
  }

  // zx would run a piped template with its global options, on this machine.
  const piping = (method: (...args: unknown[]) => unknown) => {
    return (dest: unknown, ...args: unknown[]) => {
      const target = isTemplate(dest) ? adaptation.$({ halt: true, signal: promise.signal })(dest, ...args) : dest
      const result = method(target)
      keepPace(promise, target)
      return result
    }
  }
  const methods = pipe as unknown as Record<'stdout' | 'stderr' | 'stdall', (...args: unknown[]) => unknown>
  return Object.defineProperties(promise, {
    isNothrow: { value: forgive },
    pipe: {
      value: Object.assign(piping(pipe as unknown as (...args: unknown[]) => unknown), {
        stdout: piping(methods.stdout),
        stderr: piping(methods.stderr),
        stdall: piping(methods.stdall),
      }),
    },
    [Symbol.asyncIterator]: { value: () => iterateLines(promise, adaptation) },
  })
}

/** zx's pipes do not wait for a slow reader; this one does, so that what is between them stays small. */
function keepPace(from: ProcessPromise, to: unknown): void {
  const sinkOf = () => (to instanceof ZxPromise ? to.stdin : (to as Writable))
  let isWaiting = false
  from.stdout?.on('data', () => {
    const sink = sinkOf()
    if (isWaiting || !sink.writableNeedDrain) return
    isWaiting = true
    from.stdout.pause()
    const resume = () => {
      isWaiting = false
      sink.off('drain', resume)
      sink.off('close', resume)
      from.stdout.resume()
    }
    sink.once('drain', resume)
    sink.once('close', resume)
  })
}

/** Line by line while the command runs; it waits for a slow reader, and is ended when the reader leaves early. */
function iterateLines(promise: ProcessPromise, { store, taps }: Adaptation): AsyncGenerator<string> {
  const chunks = [...store.stdout]
  let bytes = 0
  let ended = promise.output !== null
  let wake = () => {}
  const tap = (chunk: Buffer) => {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > unreadBytes) promise.stdout.pause()
    wake()
  }
  const end = () => {
    ended = true
    wake()
  }
  taps.add(tap)
  promise.then(end, end)

  return (async function* () {
    let rest = ''
    try {
      while (true) {
        const chunk = chunks.shift()
        if (chunk) {
          bytes -= chunk.length
          const lines = (rest + chunk.toString('utf8')).split(/\r?\n/)
          rest = lines.pop() ?? ''
          yield* lines
        } else if (ended) break
        else {
          promise.stdout?.resume()
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
      if (rest) yield rest
      await promise
    } finally {
      taps.delete(tap)
      if (!promise.output) {
        promise.stdout?.resume()
        promise.child?.kill('SIGTERM')
      }
    }
  })()
}
