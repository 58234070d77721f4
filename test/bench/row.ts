/** One comparison. Figures are such that less is better: seconds, MiB. */
export type Row = {
  /** What is done, the same by both: `1,000 one-liners`. */
  readonly what: string
  /** Who else does it, with its version: `ninja 1.11.1`; or what is compared with: `its critical path`, `the limit`. */
  readonly against: string
  readonly unit: Unit
  /** Medians. */
  readonly ours?: number
  readonly theirs?: number
  /** ours / theirs where the goal is `atMost` or there is none; theirs / ours, how many times faster, where it is `atLeast`. */
  readonly ratio?: number
  readonly goal?: Goal
  readonly met?: boolean
  /** Each round's figures, in their order. */
  readonly samples?: { readonly ours: readonly number[]; readonly theirs: readonly number[] }
  /** Why there are no figures: the peer cannot be had here, or it needs root. */
  readonly skipped?: string
  /** A short sentence under the table. */
  readonly note?: string
}

export type Unit = 's' | 'ms' | 'MiB'
export type Goal = { readonly atMost: number } | { readonly atLeast: number }

type Comparison = {
  readonly what: string
  readonly against: string
  readonly unit?: Unit
  readonly ours: readonly number[]
  readonly theirs: readonly number[]
  readonly goal?: Goal | undefined
  readonly note?: string
}

/** A row out of what was measured; of a limit `theirs` is that alone. */
export function compare({ what, against, unit = 's', ours, theirs, goal, note }: Comparison): Row {
  const [mine, other] = [median(ours), median(theirs)]
  const isTimesFaster = goal !== undefined && 'atLeast' in goal
  const ratio = isTimesFaster ? other / mine : mine / other
  return {
    what,
    against,
    unit,
    ours: mine,
    theirs: other,
    ratio,
    ...(goal ? { goal, met: 'atLeast' in goal ? ratio >= goal.atLeast : ratio <= goal.atMost } : {}),
    samples: { ours, theirs },
    ...(note ? { note } : {}),
  }
}

export const skip = (what: string, against: string, why: string): Row => ({ what, against, unit: 's', skipped: why })

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low, high] = [sorted[middle - 1], sorted[middle]]
  if (high === undefined) return Number.NaN
  return sorted.length % 2 === 0 && low !== undefined ? (low + high) / 2 : high
}

/** Markdown; notes under it. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => [
    row.what,
    row.against,
    figure(row.ours, row.unit),
    figure(row.theirs, row.unit),
    row.ratio === undefined ? '' : `${significant(row.ratio)}×`,
    row.goal ? goalText(row.goal) : '',
    row.skipped ? `not measured: ${row.skipped}` : row.met === undefined ? '' : row.met ? 'met' : 'missed',
  ])
  const notes = [...new Set(rows.flatMap(({ what, note }) => (note ? [`- ${what}: ${note}`] : [])))]
  const head = ['what', 'against', 'kedge', 'theirs', 'ratio', 'goal', '']
  return [
    `| ${head.join(' | ')} |`,
    '|---|---|--:|--:|--:|---|---|',
    ...lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`),
    ...(notes.length > 0 ? ['', ...notes] : []),
  ].join('\n')
}

function goalText(goal: Goal): string {
  return 'atLeast' in goal ? `≥ ${goal.atLeast}× faster` : `≤ ${goal.atMost}×`
}

function figure(value: number | undefined, unit: Unit): string {
  return value === undefined ? '' : `${significant(value)} ${unit}`
}

function significant(value: number): string {
  return value >= 100
    ? value.toFixed(0)
    : value >= 10
      ? value.toFixed(1)
      : value >= 1
        ? value.toFixed(2)
        : value.toFixed(3)
}
