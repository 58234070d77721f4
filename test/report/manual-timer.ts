/** An `every` whose ticks a test gives. */
export function manualTimer() {
  const running = new Set<() => void>()
  return {
    every: (_milliseconds: number, tick: () => void) => {
      running.add(tick)
      return () => running.delete(tick)
    },
    tick: () => {
      for (const tick of running) tick()
    },
    get count() {
      return running.size
    },
  }
}
