/** Lets at most `most` jobs run at once, in the order in which they came. */
export function takeTurns(most: number): <Result>(job: () => Promise<Result>) => Promise<Result> {
  let busy = 0
  const queue: (() => void)[] = []
  return async (job) => {
    if (busy >= most) await new Promise<void>((resolve) => queue.push(resolve))
    else busy += 1
    try {
      return await job()
    } finally {
      const next = queue.shift()
      if (next) next()
      else busy -= 1
    }
  }
}
