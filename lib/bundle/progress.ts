/** How far a bundle in the making is. */
export type Snapshot = {
  readonly piecesDone: number
  readonly pieces: number
  readonly doneBytes: number
  /** Of what is being fetched; undefined while the size of any part of it is not known. */
  readonly totalBytes: number | undefined
  /** Over the last seconds; undefined before there is anything to measure. */
  readonly bytesPerSecond: number | undefined
  readonly secondsLeft: number | undefined
}

export type Progress = {
  expect(key: string, totalBytes: number | undefined): void
  /** Bytes of a transfer that are there, those of earlier attempts included. */
  advance(key: string, doneBytes: number, totalBytes: number | undefined): void
  finish(key: string): void
  snapshot(nowSeconds: number): Snapshot
}

type Transfer = { readonly done: number; readonly total: number | undefined; readonly isFinished: boolean }

const windowSeconds = 10

/** Adds up what transfers tell of themselves. What an earlier process fetched counts as done and not for the rate. */
export function createProgress(): Progress {
  const transfers = new Map<string, Transfer>()
  const samples: { readonly at: number; readonly received: number }[] = []
  let received = 0
  return {
    expect: (key, total) => void transfers.set(key, { done: 0, total, isFinished: false }),
    advance(key, done, total) {
      const before = transfers.get(key)
      // The first word of a transfer is where it goes on from.
      if (before && before.done > 0) received += Math.max(0, done - before.done)
      transfers.set(key, { done, total: total ?? before?.total, isFinished: false })
    },
    finish(key) {
      const { done = 0 } = transfers.get(key) ?? {}
      transfers.set(key, { done, total: done, isFinished: true })
    },
    snapshot(now) {
      samples.push({ at: now, received })
      while ((samples[1]?.at ?? now) <= now - windowSeconds) samples.shift()
      const first = samples[0] ?? { at: now, received }
      const bytesPerSecond = now > first.at ? (received - first.received) / (now - first.at) : undefined
      const all = [...transfers.values()]
      const doneBytes = all.reduce((sum, { done }) => sum + done, 0)
      const isKnown = all.every(({ total }) => total !== undefined)
      const totalBytes = isKnown ? all.reduce((sum, { total = 0 }) => sum + total, 0) : undefined
      const left = totalBytes === undefined || !bytesPerSecond ? undefined : (totalBytes - doneBytes) / bytesPerSecond
      return {
        piecesDone: all.filter(({ isFinished }) => isFinished).length,
        pieces: all.length,
        doneBytes,
        totalBytes,
        bytesPerSecond,
        secondsLeft: left === undefined ? undefined : Math.max(0, left),
      }
    },
  }
}
