import type { InstanceRecord } from '../fold-run.ts'
import type { TimeAxis } from './time-axis.ts'
import type { Waiting } from './waiting.ts'

/** In percent of the axis. `index` is the instance's place in the list that the page carries. */
export type Bar = {
  readonly instance: InstanceRecord
  readonly index: number
  readonly lane: number
  readonly left: number
  readonly width: number
  /** It was ready, and no job was free: from here to `left`. */
  readonly queuedFrom?: number
}

/** Where nothing ran on a node because something elsewhere had not ended. */
export type Pause = { readonly left: number; readonly width: number; readonly until: string }

export type Row = {
  readonly node: string
  readonly lanes: number
  /** In the order in which they began. */
  readonly bars: readonly Bar[]
  readonly pauses: readonly Pause[]
}

/** What is thinner could neither be seen nor hit. */
const leastWidth = 0.35
/** Shorter waits are how long it takes to begin. */
const leastQueuePercent = 0.4

/** A row per node, in the order of `nodes`; what ran side by side on a node lies in lanes below one another. */
export function rowsOf(
  instances: readonly InstanceRecord[],
  nodes: readonly string[],
  axis: TimeAxis,
  waiting: ReadonlyMap<string, Waiting>,
): readonly Row[] {
  const byNode = Map.groupBy(
    instances.map((instance, index) => ({ instance, index })),
    ({ instance }) => instance.node,
  )
  return nodes.flatMap((node) => {
    const its = byNode.get(node)
    return its ? [rowOf(node, its, axis, waiting)] : []
  })
}

function rowOf(
  node: string,
  its: readonly { readonly instance: InstanceRecord; readonly index: number }[],
  axis: TimeAxis,
  waiting: ReadonlyMap<string, Waiting>,
): Row {
  const placed = its
    .map(({ instance, index }) => {
      const { run, startedAt, finishedAt } = instance
      const left = Math.min(axis.at(run, Date.parse(startedAt)), 100 - leastWidth)
      const width = Math.max(leastWidth, axis.at(run, Date.parse(finishedAt)) - left)
      const ready = axis.at(run, waiting.get(instance.id)?.readyAt ?? Number.POSITIVE_INFINITY)
      return { instance, index, left, width, from: left - ready > leastQueuePercent ? ready : left }
    })
    .sort((one, other) => one.from - other.from)
  const laneEnds: number[] = []
  const pauses: Pause[] = []
  let busyUntil = 0
  const bars = placed.map(({ from, ...bar }): Bar => {
    const free = laneEnds.findIndex((end) => end <= from + 0.001)
    const lane = free < 0 ? laneEnds.length : free
    laneEnds[lane] = bar.left + bar.width
    const until = waiting.get(bar.instance.id)?.lastNeed
    if (until !== undefined && from - busyUntil > leastQueuePercent) {
      pauses.push({ left: busyUntil, width: from - busyUntil, until })
    }
    busyUntil = Math.max(busyUntil, bar.left + bar.width)
    return { ...bar, lane, ...(from < bar.left ? { queuedFrom: from } : {}) }
  })
  const inOrder = bars.toSorted((one, other) => one.left - other.left || one.lane - other.lane)
  return { node, lanes: laneEnds.length, bars: inOrder, pauses }
}
