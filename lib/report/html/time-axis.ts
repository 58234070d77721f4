import { formatClock } from '../duration.ts'
import type { InstanceRecord, RunRecord } from '../fold-run.ts'

/** The stretch of the axis that belongs to one run; `left` and `width` in percent of the whole. */
export type Stretch = {
  readonly run: string
  readonly startedAt: string
  readonly seconds: number
  readonly left: number
  readonly width: number
}

/** Time from left to right in percent. Runs whose times are shown together stand side by side, without the hours between. */
export type TimeAxis = {
  readonly stretches: readonly Stretch[]
  readonly ticks: readonly { readonly left: number; readonly label: string }[]
  /** Where a moment of a run lies. */
  at(run: string, milliseconds: number): number
}

const gapPercent = 2
const mostTicks = 10
const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400]

export function timeAxis(run: RunRecord, instances: readonly InstanceRecord[]): TimeAxis {
  const spans = spansOf(run, instances)
  const total = Math.max(
    0.001,
    spans.reduce((sum, { seconds }) => sum + seconds, 0),
  )
  const perSecond = (100 - gapPercent * (spans.length - 1)) / total
  let left = 0
  const stretches = spans.map((span): Stretch => {
    const stretch = { ...span, left, width: span.seconds * perSecond }
    left += stretch.width + gapPercent
    return stretch
  })
  const byRun = new Map(stretches.map((stretch) => [stretch.run, stretch]))
  const step = steps.find((seconds) => total / seconds <= mostTicks) ?? total / mostTicks
  return {
    stretches,
    ticks: stretches.flatMap(({ left: from, seconds }) =>
      Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => ({
        left: from + index * step * perSecond,
        label: step < 1 ? `${(index * step).toFixed(1)} s` : formatClock(index * step),
      })),
    ),
    at(id, milliseconds) {
      const stretch = byRun.get(id)
      if (!stretch) return 0
      const seconds = (milliseconds - Date.parse(stretch.startedAt)) / 1000
      return stretch.left + Math.min(Math.max(0, seconds), stretch.seconds) * perSecond
    },
  }
}

/** From the first to the last that is known of each run, oldest first. */
function spansOf(run: RunRecord, instances: readonly InstanceRecord[]) {
  const started = Date.parse(run.startedAt)
  const bounds = new Map([[run.id, { from: started, to: started + run.seconds * 1000 }]])
  for (const { run: id, startedAt, finishedAt } of instances) {
    const from = Date.parse(startedAt)
    const to = Date.parse(finishedAt)
    const known = bounds.get(id)
    bounds.set(id, known ? { from: Math.min(known.from, from), to: Math.max(known.to, to) } : { from, to })
  }
  return [...bounds]
    .sort(([, one], [, other]) => one.from - other.from)
    .map(([id, { from, to }]) => ({
      run: id,
      startedAt: new Date(from).toISOString(),
      seconds: (to - from) / 1000,
    }))
}
