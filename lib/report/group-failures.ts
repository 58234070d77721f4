import type { Failure } from '../event/failure.ts'
import type { InstanceRecord } from './fold-run.ts'
import { anywhere } from './same-on-nodes.ts'

/** Failures of one task that differ in nothing but the node; the first stands for all. */
export type FailureGroup = {
  readonly first: InstanceRecord
  readonly failure: Failure
  readonly instances: readonly InstanceRecord[]
  /** What any of them held back. */
  readonly heldBack: readonly InstanceRecord[]
}

/** In the order of the first failure of each group. */
export function groupFailures(instances: readonly InstanceRecord[]): readonly FailureGroup[] {
  const failed = instances.filter(({ state }) => state === 'failed')
  const byRoot = heldBackByRoot(instances)
  return [...Map.groupBy(failed, sameness).values()].flatMap((group) => {
    const [first] = group
    if (!first) return []
    const failure = first.failure ?? { kind: 'bug', message: 'failed' }
    return [{ first, failure, instances: group, heldBack: group.flatMap(({ id }) => byRoot.get(id) ?? []) }]
  })
}

/** What two failures must share to be told once: all but the node's own name and addresses. */
function sameness({ task, node, failure }: InstanceRecord): string {
  const { kind, exitCode, signal, message, command, cause } = failure ?? {}
  const texts = [message, command, cause].map((text = '') => anywhere(text, node))
  return JSON.stringify([task, kind, exitCode, signal, ...texts])
}

/** An instance may be held back by one that was itself held back: the one that failed answers for both. */
function heldBackByRoot(instances: readonly InstanceRecord[]): ReadonlyMap<string, readonly InstanceRecord[]> {
  const causes = new Map(
    instances.flatMap(({ id, state, cause }) => (state === 'held-back' && cause ? [[id as string, cause]] : [])),
  )
  const rootOf = (id: string): string => {
    let root = id
    const passed = new Set<string>()
    for (let cause = causes.get(root); cause && !passed.has(cause); cause = causes.get(root)) {
      passed.add(cause)
      root = cause
    }
    return root
  }
  return Map.groupBy(
    instances.filter(({ state }) => state === 'held-back'),
    ({ id }) => rootOf(id),
  )
}
