import { cleanLine } from './clean-line.ts'
import { formatSeconds } from './duration.ts'
import type { Measures, Span, TaskTimes } from './measure-run.ts'
import { table } from './table.ts'

/** Seconds with one decimal, as in the tables of a paper; the notes say what the signs mean. */
export function spanCell({ seconds, state }: Span): string {
  if (state === 'none') return '-'
  if (state === 'already') return '='
  return state === 'incomplete' ? `${seconds.toFixed(1)} !` : seconds.toFixed(1)
}

export const entityHead = ({ phases }: Measures): readonly string[] => [
  '',
  ...phases.map((phase) => `${phase} (s)`),
  'total (s)',
]
export const entityRows = ({ entities }: Measures): readonly (readonly string[])[] =>
  entities.map(({ name, phases, total }) => [cleanLine(name), ...phases.map(spanCell), spanCell(total)])

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
  '= was so already, counts 0   - nothing of the kind   ! something failed, was held back or stopped',
] as const

/** Which run this is, and where else times come from. */
export function runLines({ run, earlier }: Measures): readonly string[] {
  const ends = { ok: 'done', failed: 'failed', interrupted: 'interrupted', unfinished: 'without an end' }
  const when = run.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')
  const others = earlier.map(({ run: id, instances }) => `${cleanLine(id)} (${instances})`)
  return [
    `Lab ${cleanLine(run.lab)}, run ${cleanLine(run.id)} of ${when}, ${ends[run.result]} after ${formatSeconds(run.seconds)}`,
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

export function reportTable(measures: Measures): string {
  const numbers = measures.phases.map(() => 'right' as const)
  const path = measures.criticalPath.instances.map(({ id, seconds }) => ['', cleanLine(id), formatSeconds(seconds)])
  return [
    ...runLines(measures),
    '',
    ...table([entityHead(measures), ...entityRows(measures)], { align: ['left', ...numbers, 'right'], gap: '   ' }),
    '',
    ...notes,
    '',
    ...table([taskHead, ...measures.tasks.map(taskRow)], {
      align: ['right', 'left', 'left', 'right', 'right', 'right', 'right'],
      gap: '   ',
    }),
    '',
    wallLine(measures),
    ...table(path, { align: ['left', 'left', 'right'] }),
    '',
  ].join('\n')
}
