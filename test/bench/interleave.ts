/** A way to do the work that is measured; what it returns, if anything, is the figure instead of the seconds that it took. */
// biome-ignore lint/suspicious/noConfusingVoidType: most ways return nothing
export type Way = () => Promise<number | void>

export type Rounds = {
  readonly rounds: number
  /** Rounds before, whose figures are dropped. */
  readonly warmUps?: number
  /** After each turn, not measured. */
  readonly clean?: () => Promise<void> | void
}

/**
 * Every way takes its turn in every round, so that whatever else the machine does meets all alike; who begins changes from round to
 * round. Returns each way's figures, in seconds where the way returns none.
 */
export async function interleave<Name extends string>(
  ways: Readonly<Record<Name, Way>>,
  { rounds, warmUps = 1, clean }: Rounds,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(ways) as Name[]
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>
  for (let round = -warmUps; round < rounds; round++) {
    const first = (round + warmUps) % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const began = performance.now()
      const own = await ways[name]()
      const seconds = (performance.now() - began) / 1000
      if (round >= 0) figures[name].push(own ?? seconds)
      await clean?.()
    }
  }
  return figures
}
