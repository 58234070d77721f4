import type { InstanceRecord, RunRecord } from './fold-run.ts'

/** Whether a task's `run` began in it: a dry run, or one that found all as it should be, changed nothing. */
export const hasChanged = (record: RunRecord): boolean => !record.dryRun && record.instances.some(hasRun)

export const hasRun = (instance: InstanceRecord): boolean => instance.attempts > 0

/** The latest run that changed something, else the latest that was no dry run; undefined where there is none. */
export function latestChange(records: readonly RunRecord[]): RunRecord | undefined {
  const inOrder = byStart(records.filter(({ dryRun }) => !dryRun))
  return inOrder.findLast(hasChanged) ?? inOrder.at(-1)
}

/**
 * The run of `latestChange`, where each instance that it did not execute comes from the latest earlier run that did, as
 * its `run` says: together, how the lab as it stands was built. Undefined where no run was more than a dry run.
 */
export function mergeRuns(records: readonly RunRecord[]): RunRecord | undefined {
  const base = latestChange(records)
  if (!base) return undefined
  const built = new Map<string, InstanceRecord>()
  for (const record of byStart(records)) {
    if (record.lab !== base.lab || record.startedAt >= base.startedAt) continue
    for (const instance of record.instances) {
      if (hasRun(instance) && instance.state === 'finished') built.set(instance.id, instance)
    }
  }
  const instances = new Map(built)
  for (const instance of base.instances) {
    const isAnswered = instance.state !== 'already-done' && instance.state !== 'not-selected'
    instances.set(instance.id, isAnswered ? instance : (built.get(instance.id) ?? instance))
  }
  return { ...base, instances: [...instances.values()] }
}

const byStart = (records: readonly RunRecord[]): RunRecord[] =>
  records.toSorted((one, other) => (one.startedAt < other.startedAt ? -1 : one.startedAt > other.startedAt ? 1 : 0))
