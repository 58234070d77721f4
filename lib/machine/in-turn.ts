const tails = new Map<string, Promise<void>>()

/**
 * Runs what is done for the same thing one after another within this process, so that the second finds what the first
 * made. A failure is its own caller's only: the next in line tries for itself. Rejects when the signal ends the wait.
 */
export async function inTurn<T>(key: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  const before = tails.get(key) ?? Promise.resolve()
  const { promise: own, resolve: leave } = Promise.withResolvers<void>()
  const tail = before.then(() => own)
  tails.set(key, tail)
  try {
    await untilAborted(before, signal)
    return await act()
  } finally {
    leave()
    if (tails.get(key) === tail) tails.delete(key)
  }
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
