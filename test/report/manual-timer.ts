/** An `every` whose ticks a test gives. */
export function manualTimer() {
  const running = new Set<(isLate?: boolean) => void>()
  return {
    every: (_milliseconds: number, tick: (isLate?: boolean) => void) => {
      running.add(tick)
      return () => running.delete(tick)
    },
    tick: (isLate = false) => {
      for (const tick of running) tick(isLate)
    },
    get count() {
      return running.size
    },
  }
}
