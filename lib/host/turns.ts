/** Waits for a turn, or rejects with the signal's reason; the result ends the turn, once. */
export type TakeTurn = (signal?: AbortSignal) => Promise<() => void>

/** Lets at most `most` turns go on at once; the others begin in the order in which they were asked for. */
export function createTurns(most: number): TakeTurn {
  let busy = 0
  const queue: (() => void)[] = []
  const leave = () => {
    const next = queue.shift()
    if (next) next()
    else busy -= 1
  }
  return async (signal) => {
    signal?.throwIfAborted()
    if (busy < most) busy += 1
    else {
      await new Promise<void>((begin, reject) => {
        const turn = () => {
          signal?.removeEventListener('abort', giveUp)
          begin()
        }
        const giveUp = () => {
          queue.splice(queue.indexOf(turn), 1)
          reject(signal?.reason)
        }
        signal?.addEventListener('abort', giveUp, { once: true })
        queue.push(turn)
      })
    }
    let isOver = false
    return () => {
      if (!isOver) leave()
      isOver = true
    }
  }
}

/** Runs each job in a turn of its own, at most `most` at once. */
export function runInTurns(most: number): <Result>(job: () => Promise<Result>) => Promise<Result> {
  const takeTurn = createTurns(most)
  return async (job) => {
    const leave = await takeTurn()
    try {
      return await job()
    } finally {
      leave()
    }
  }
}
