import type { FromTask, ToTask } from '../protocol.ts'

/** The child's end of the channel to kedge. */
export type Link = {
  send(message: FromTask): void
  /** Each message until the function that this returns is called. */
  listen(take: (message: ToTask) => void): () => void
  /** Keeps the process alive while something is under way at the other end; call the result when it has ended. */
  hold(): () => void
  /** Until it is called again the process waits for kedge: `work` is over, or nothing is left that could go on with it. */
  whileWorking<T>(work: Promise<T>): Promise<{ readonly result: T } | 'stuck'>
  /** Settles when nothing is left to do: no timer, no open file, nothing under way in kedge. */
  idle(): Promise<void>
}

type Channel = { ref(): void; unref(): void }

/** Takes what it needs of `process` at once, before the code of a task can change it. */
export function createLink(): Link {
  const channel = (process as unknown as { channel: Channel }).channel
  const send = process.send?.bind(process) as unknown as (message: FromTask, callback: () => void) => void
  const listeners = new Set<(message: ToTask) => void>()
  let held = 0
  const hold = () => {
    if (held++ === 0) channel.ref()
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      if (--held === 0) channel.unref()
    }
  }
  // Between two questions the process waits for the next.
  let release = hold()
  let whenIdle: (() => void) | undefined
  process.on('message', (message: ToTask) => {
    for (const take of [...listeners]) take(message)
  })
  process.on('beforeExit', () => {
    if (!whenIdle) return
    release = hold()
    whenIdle()
    whenIdle = undefined
  })
  const idle = () =>
    new Promise<void>((resolve) => {
      whenIdle = resolve
      release()
    })
  return {
    send: (message) => send(message, () => {}),
    listen(take) {
      listeners.add(take)
      return () => listeners.delete(take)
    },
    hold,
    async whileWorking(work) {
      const ended = await Promise.race([work.then((result) => ({ result })), idle().then(() => 'stuck' as const)])
      if (whenIdle) release = hold()
      whenIdle = undefined
      return ended
    },
    idle,
  }
}
