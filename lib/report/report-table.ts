import { cleanLine } from './clean-line.ts'
import type { Comparison } from './compare-measures.ts'
import { comparisonHead, comparisonLines, comparisonRows } from './comparison-rows.ts'
import { formatSeconds } from './duration.ts'
import type { Measures, TaskTimes } from './measure-run.ts'
import type { Report } from './report.ts'
import { runWords } from './run-words.ts'
import { spanCell } from './span-cell.ts'
import { table } from './table.ts'

export const entityHead = ({ phases }: Measures): readonly string[] => ['seconds', ...phases, 'total', 'critical']
export const entityRows = ({ entities }: Measures): readonly (readonly string[])[] =>
  entities.map(({ name, phases, total, criticalSeconds }) => [
    cleanLine(name),
    ...phases.map(spanCell),
    spanCell(total),
    criticalSeconds > 0 ? criticalSeconds.toFixed(1) : '-',
  ])

export const taskHead = ['step', 'task', 'phase', 'nodes', 'min (s)', 'median (s)', 'max (s)'] as const
export const taskRow = (times: TaskTimes): readonly string[] => {
  const { step, task, phase, count, alreadyCount, failedCount } = times
  const counts = [
    ...(count > 0 || alreadyCount + failedCount === 0 ? [`${count}`] : []),
    ...(alreadyCount > 0 ? [`${alreadyCount} =`] : []),
    ...(failedCount > 0 ? [`${failedCount} !`] : []),
  ].join(', ')
  const none = alreadyCount > 0 && failedCount === 0 ? '=' : '-'
  const cells = [times.minSeconds, times.medianSeconds, times.maxSeconds].map((seconds) =>
    count === 0 ? none : seconds.toFixed(1),
  )
  return [step === undefined ? '' : String(step), cleanLine(task), cleanLine(phase), counts, ...cells]
}

export const notes = [
  'Seconds by the clock in which at least one task of the row ran; tasks side by side count once.',
  'critical: what of the critical path was spent there; no run can be shorter than that path.',
  '= was so already, counts 0   - nothing of the kind   ! something failed, was held back or stopped',
] as const

/** Which run this is, and where else times come from. */
export function runLines({ run, earlier }: Measures): readonly string[] {
  const others = earlier.map(({ run: id, instances }) => `${cleanLine(id)} (${instances})`)
  return [
    `Lab ${cleanLine(run.lab)}, run ${runWords(run)}`,
    ...(others.length > 0 ? [`Instances whose times come from earlier runs: ${others.join(', ')}`] : []),
  ]
}

/** For one run, the ratio tells how well it used what could run side by side; over several it would tell nothing. */
export function wallLine({ wallSeconds, criticalPath, earlier }: Measures): string {
  const wall = `Wall time ${formatSeconds(wallSeconds)}`
  const path = formatSeconds(criticalPath.seconds)
  if (criticalPath.seconds === 0) return wall
  if (earlier.length > 0) return `${wall} over ${earlier.length + 1} runs; critical path ${path}`
  return `${wall}, ${(wallSeconds / criticalPath.seconds).toFixed(2)} times the critical path of ${path}`
}

export const pathHead = 'Critical path:'

export function reportTable({ measures, comparison }: Report): string {
  const numbers = measures.phases.map(() => 'right' as const)
  const path = measures.criticalPath.instances.map(({ id, seconds }) => ['', cleanLine(id), formatSeconds(seconds)])
  return [
    ...runLines(measures),
    '',
    ...table([entityHead(measures), ...entityRows(measures)], { align: ['left', ...numbers, 'right', 'right'] }),
    '',
    wallLine(measures),
    '',
    ...notes,
    '',
    ...table([taskHead, ...measures.tasks.map(taskRow)], {
      align: ['right', 'left', 'left', 'right', 'right', 'right', 'right'],
      gap: '   ',
    }),
    ...(path.length > 0 ? ['', pathHead, ...table(path, { align: ['left', 'left', 'right'] })] : []),
    ...(comparison ? ['', ...comparisonTable(comparison)] : []),
    '',
  ].join('\n')
}

const comparisonTable = (comparison: Comparison): readonly string[] => [
  ...comparisonLines(comparison),
  '',
  ...table([comparisonHead, ...comparisonRows(comparison)], {
    align: ['left', 'left', 'right', 'right', 'right', 'right'],
  }),
]
