/**
 * Flushes that many may ask for at once. Each promise resolves after a flush that began after it was asked for; while one goes on, all
 * who ask share the next, so that their number follows the disk and not the askers. A flush that fails fails those who wait for it.
 */
export function shareFlushes(flush: () => Promise<void>): () => Promise<void> {
  let current: Promise<void> | undefined
  let next: Promise<void> | undefined
  const begin = (): Promise<void> => {
    const mine = flush()
    current = mine
    const end = () => {
      if (current === mine) current = undefined
    }
    mine.then(end, end)
    return mine
  }
  return () => {
    if (!current) return begin()
    next ??= current
      .catch(() => {})
      .then(() => {
        next = undefined
        return begin()
      })
    return next
  }
}
