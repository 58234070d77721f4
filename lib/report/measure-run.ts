import { type CriticalPath, criticalPath } from './critical-path.ts'
import type { InstanceRecord, RunRecord } from './fold-run.ts'
import { hasRun } from './merge-runs.ts'

/**
 * Seconds in which at least one of the instances ran, by the clock on the wall: what ran side by side is counted once.
 * `already`: all of it was so before. `incomplete`: something failed, was held back or has no end. `none`: no instance.
 */
export type Span = { readonly seconds: number; readonly state: 'built' | 'already' | 'incomplete' | 'none' }

export type EntityTimes = {
  /** `Kubernetes cluster`, or an edge's name. */
  readonly name: string
  /** In the order of `Measures.phases`. */
  readonly phases: readonly Span[]
  readonly total: Span
  /** How much of the critical path was spent on it. */
  readonly criticalSeconds: number
}

export type TaskTimes = {
  readonly task: string
  readonly step?: number
  readonly phase: string
  /** How many instances ran to a good end, were so already, and failed. */
  readonly count: number
  readonly alreadyCount: number
  readonly failedCount: number
  /** Seconds over those that ran to a good end; 0 where none did. */
  readonly minSeconds: number
  readonly medianSeconds: number
  readonly maxSeconds: number
}

export type Measures = {
  readonly run: RunRecord
  /** Earlier runs that times come from, each with how many instances. */
  readonly earlier: readonly { readonly run: string; readonly instances: number }[]
  readonly phases: readonly string[]
  /** The cluster first, then the edges by name, then the whole lab. */
  readonly entities: readonly EntityTimes[]
  readonly tasks: readonly TaskTimes[]
  /** Of the run; with times from earlier runs, of all their instances as one. */
  readonly wallSeconds: number
  readonly criticalPath: CriticalPath
}

/** What a report needs beside the run; the plan and the topology know it. */
export type RunFacts = {
  /** Instance → the instances that it waits for. */
  readonly waits: ReadonlyMap<string, readonly string[]>
  /** Node → role, in the order of the file; the hypervisor need not be in it. */
  readonly roles: ReadonlyMap<string, string>
  /** Task → the number of its step. */
  readonly steps: ReadonlyMap<string, number>
}

/** What a task came to over its nodes, as one span: the median of those that ran to a good end. */
export function medianSpan({ count, alreadyCount, failedCount, medianSeconds }: TaskTimes): Span {
  const state = failedCount > 0 ? 'incomplete' : count > 0 ? 'built' : alreadyCount > 0 ? 'already' : 'none'
  return { seconds: medianSeconds, state }
}

const alwaysShown = ['configuration', 'installation']

export function measureRun(run: RunRecord, { waits, roles, steps }: RunFacts): Measures {
  const instances = run.instances.filter(({ state }) => state !== 'not-selected')
  const phases = [...new Set([...alwaysShown, ...instances.map(({ phase }) => phase)])]
  const foreign = Map.groupBy(instances, (instance) => instance.run)
  foreign.delete(run.id)
  const path = criticalPath(instances, waits)
  const onPath = new Set(path.instances.map(({ id }) => id))
  return {
    run,
    earlier: [...foreign].map(([id, its]) => ({ run: id, instances: its.length })),
    phases,
    entities: entitiesOf(instances, roles).map(([name, its]) => ({
      name,
      phases: phases.map((phase) => spanOf(its.filter((instance) => instance.phase === phase))),
      total: spanOf(its),
      criticalSeconds: sumOf(its.filter(({ id }) => onPath.has(id))),
    })),
    tasks: tasksOf(instances, steps),
    wallSeconds: foreign.size === 0 ? run.seconds : spanOf(instances).seconds,
    criticalPath: path,
  }
}

function entitiesOf(instances: readonly InstanceRecord[], roles: ReadonlyMap<string, string>) {
  const hasCluster = [...roles.values()].some((role) => role === 'control-plane' || role === 'worker')
  const clusterName = hasCluster ? 'Kubernetes cluster' : 'hypervisor'
  const groups = Map.groupBy(instances, ({ node }) => {
    const role = roles.get(node) ?? (node === 'hypervisor' ? 'hypervisor' : 'edge')
    return role === 'edge' ? node : clusterName
  })
  const cluster = groups.get(clusterName)
  groups.delete(clusterName)
  const edges = [...groups].sort(([one], [other]) => one.localeCompare(other, 'en', { numeric: true }))
  return [...(cluster ? [[clusterName, cluster] as const] : []), ...edges, ['whole lab', instances] as const]
}

const sumOf = (instances: readonly InstanceRecord[]): number => instances.reduce((sum, { seconds }) => sum + seconds, 0)

function spanOf(instances: readonly InstanceRecord[]): Span {
  if (instances.length === 0) return { seconds: 0, state: 'none' }
  const seconds = unionSeconds(instances.filter(hasRun))
  if (instances.every(({ state }) => state === 'already-done')) return { seconds: 0, state: 'already' }
  const isComplete = instances.every(({ state }) => state === 'finished' || state === 'already-done')
  return { seconds, state: isComplete ? 'built' : 'incomplete' }
}

/** The length of the union of their times. */
export function unionSeconds(instances: readonly Pick<InstanceRecord, 'startedAt' | 'finishedAt'>[]): number {
  const intervals = instances
    .map(({ startedAt, finishedAt }) => [Date.parse(startedAt), Date.parse(finishedAt)] as const)
    .sort(([one], [other]) => one - other)
  let milliseconds = 0
  let reached = Number.NEGATIVE_INFINITY
  for (const [from, to] of intervals) {
    milliseconds += Math.max(0, to - Math.max(from, reached))
    reached = Math.max(reached, to)
  }
  return milliseconds / 1000
}

function tasksOf(instances: readonly InstanceRecord[], steps: ReadonlyMap<string, number>): readonly TaskTimes[] {
  const last = Number.POSITIVE_INFINITY
  return [...Map.groupBy(instances, ({ task }) => task)]
    .map(([task, its]) => taskTimes(task, its, steps.get(task)))
    .sort((one, other) => (one.step ?? last) - (other.step ?? last) || 0)
}

function taskTimes(task: string, instances: readonly InstanceRecord[], step: number | undefined): TaskTimes {
  const having = (wanted: InstanceRecord['state']) => instances.filter(({ state }) => state === wanted)
  const seconds = having('finished')
    .map((instance) => instance.seconds)
    .sort((one, other) => one - other)
  const middle = seconds.length / 2
  return {
    task,
    ...(step === undefined ? {} : { step }),
    phase: instances[0]?.phase ?? '',
    count: seconds.length,
    alreadyCount: having('already-done').length,
    failedCount: having('failed').length,
    minSeconds: seconds[0] ?? 0,
    medianSeconds: ((seconds[Math.ceil(middle) - 1] ?? 0) + (seconds[Math.floor(middle)] ?? 0)) / 2,
    maxSeconds: seconds.at(-1) ?? 0,
  }
}
