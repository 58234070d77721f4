import type { InstanceRecord } from './fold-run.ts'
import { hasRun } from './merge-runs.ts'

export type CriticalPath = {
  readonly seconds: number
  /** In the order of execution; only what really ran. */
  readonly instances: readonly InstanceRecord[]
}

type Chain = { readonly seconds: number; readonly id: string; readonly before: Chain | undefined }

/**
 * The chain of instances, each waiting for the one before it, whose measured seconds add up to the most: no number of
 * jobs makes a run shorter. `waits` maps an instance to what it waits for. What did not run counts 0 and still links.
 */
export function criticalPath(
  instances: readonly InstanceRecord[],
  waits: ReadonlyMap<string, readonly string[]>,
): CriticalPath {
  const ran = new Map(instances.filter(hasRun).map((instance) => [instance.id as string, instance]))
  const chains = new Map<string, Chain>()
  let longest: Chain | undefined
  for (const id of ran.keys()) {
    const chain = longestTo(id, waits, ran, chains)
    if (!longest || chain.seconds > longest.seconds) longest = chain
  }
  const path: InstanceRecord[] = []
  for (let chain = longest; chain; chain = chain.before) {
    const instance = ran.get(chain.id)
    if (instance) path.push(instance)
  }
  return { seconds: longest?.seconds ?? 0, instances: path.reverse() }
}

/** Depth first with a stack of its own: chains may be longer than the call stack is deep. */
function longestTo(
  target: string,
  waits: ReadonlyMap<string, readonly string[]>,
  ran: ReadonlyMap<string, InstanceRecord>,
  chains: Map<string, Chain>,
): Chain {
  const entered = new Set<string>()
  const stack = [target]
  for (let id = stack.at(-1); id !== undefined; id = stack.at(-1)) {
    const needs = waits.get(id) ?? []
    // What was entered and is still without a chain closes a cycle: it is left out rather than followed forever.
    const missing = needs.filter((need) => !chains.has(need) && !entered.has(need))
    entered.add(id)
    if (missing.length > 0) {
      for (const need of missing) stack.push(need)
      continue
    }
    stack.pop()
    if (chains.has(id)) continue
    let before: Chain | undefined
    for (const need of needs) {
      const chain = chains.get(need)
      if (chain && (!before || chain.seconds > before.seconds)) before = chain
    }
    chains.set(id, { id, before, seconds: (before?.seconds ?? 0) + (ran.get(id)?.seconds ?? 0) })
  }
  const chain = chains.get(target)
  if (!chain) throw new Error(`no chain to ${target}`)
  return chain
}
