import type { InstanceRecord } from '../fold-run.ts'

/** What an instance waited for before it began: its last need, then a free job. */
export type Waiting = {
  /** When all that it needs had ended, in milliseconds; where that is not known, when it began. */
  readonly readyAt: number
  /** The need that ended last. */
  readonly lastNeed?: string
}

/**
 * Told from the ends of its needs in the same run. Where one of them is shown with the time of another run, or has none, nobody
 * knows any more when it was ready.
 */
export function waitingOf(
  instances: readonly InstanceRecord[],
  waits: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, Waiting> {
  const byId = new Map<string, InstanceRecord>(instances.map((instance) => [instance.id, instance]))
  return new Map(instances.map((instance) => [instance.id, waitingOfOne(instance, waits.get(instance.id) ?? [], byId)]))
}

function waitingOfOne(
  { run, startedAt }: InstanceRecord,
  needs: readonly string[],
  byId: ReadonlyMap<string, InstanceRecord>,
): Waiting {
  const began = Date.parse(startedAt)
  let readyAt = Number.NEGATIVE_INFINITY
  let lastNeed: string | undefined
  for (const need of needs) {
    const record = byId.get(need)
    if (!record || record.run !== run) return { readyAt: began }
    const ended = Date.parse(record.finishedAt)
    if (ended <= readyAt) continue
    readyAt = ended
    lastNeed = need
  }
  if (lastNeed === undefined) return { readyAt: began }
  return { readyAt: Math.min(readyAt, began), lastNeed }
}
