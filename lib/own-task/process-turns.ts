import { totalmem } from 'node:os'

/** Waits for a turn, or rejects with the signal's reason; the result ends the turn. */
export type TakeTurn = (signal: AbortSignal) => Promise<() => void>

/** Lets at most `most` turns go on at once; the others begin in the order in which they were asked for. */
export function processTurns(most: number): TakeTurn {
  let busy = 0
  const queue: (() => void)[] = []
  const leave = () => {
    const next = queue.shift()
    if (next) next()
    else busy -= 1
  }
  return async (signal) => {
    signal.throwIfAborted()
    if (busy < most) busy += 1
    else {
      await new Promise<void>((begin, reject) => {
        const turn = () => {
          signal.removeEventListener('abort', giveUp)
          begin()
        }
        const giveUp = () => {
          queue.splice(queue.indexOf(turn), 1)
          reject(signal.reason)
        }
        signal.addEventListener('abort', giveUp, { once: true })
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

const usualMiB = 64

/**
 * Of own tasks' processes. Each takes some tens of MiB before its code keeps anything, and a lab of 200 nodes asks for hundreds at once:
 * all together get a quarter of the machine's memory.
 */
export const takeProcessTurn: TakeTurn = processTurns(
  Math.max(4, Math.min(64, Math.floor(totalmem() / 4 / (usualMiB * 2 ** 20)))),
)
