import { cleanLine } from './clean-line.ts'
import { formatSeconds } from './duration.ts'
import { failureText } from './failure-text.ts'
import { padEnd, widthOf, wrap } from './fit.ts'
import type { InstanceState, RunRecord } from './fold-run.ts'
import { groupFailures } from './group-failures.ts'
import { labelled } from './labelled.ts'
import { listNodes } from './node-list.ts'
import { type Style, style } from './style.ts'

export type SummaryOptions = {
  readonly color?: boolean
  /** Columns of the terminal; lines are not broken where it is left out. */
  readonly width?: number
  /** How the user starts kedge, with the options that the next command must repeat. */
  readonly kedge?: string
  /** What was asked for after `run`, quoted: the command that goes on with an interrupted run. */
  readonly wanted?: string
  /** Options of that, quoted, which hold for a part of it as well. */
  readonly alike?: string
  /** The folder with the run's logs, as the user would write the path. */
  readonly log?: string
  /** The headline and the failures only. */
  readonly quiet?: boolean
}

/** The end of a run as text: what was done, what failed and what that held back, and what to type next. */
export function summary(record: RunRecord, options: SummaryOptions = {}): string {
  const paint = style(options.color ?? false)
  const { kedge = 'kedge', wanted = 'all', alike = '' } = options
  const failures = groupFailures(record.instances)
  const lines = [...wrap(headline(record), options.width).map(headPaint(record, paint))]
  if (!options.quiet) lines.push(...doneLines(record, options))
  for (const group of failures) lines.push('', ...failureText(group, { ...options, kedge, alike }, paint))
  const goOn = goOnWords[record.result]
  if (goOn) lines.push('', ...wrap(goOn, options.width), `  ${paint.cyan(`${kedge} run ${wanted}`)}`)
  if (options.log && record.result !== 'ok') lines.push('', `logs: ${cleanLine(options.log)}`)
  return `${lines.join('\n')}\n`
}

const goOnWords: Record<RunRecord['result'], string | undefined> = {
  ok: undefined,
  failed: 'Once that is cured, the same run goes on where it stopped:',
  interrupted: 'What is done stays done; the same run goes on where it stopped:',
  unfinished: 'The run has no end: kedge was ended from outside, or is still at it. To go on where it stopped:',
}

const endWords = { ok: 'done', failed: 'failed', interrupted: 'interrupted', unfinished: 'unfinished' } as const
const countWords: readonly (readonly [InstanceState, string])[] = [
  ['finished', 'done'],
  ['pending', 'would run'],
  ['already-done', 'already so'],
  ['failed', 'failed'],
  ['held-back', 'held back'],
  ['interrupted', 'interrupted'],
  ['unfinished', 'without an end'],
]

function headline({ lab, result, dryRun, seconds, instances, total }: RunRecord): string {
  const count = (state: InstanceState) => instances.filter((instance) => instance.state === state).length
  const counts = countWords.flatMap(([state, words]) => (count(state) > 0 ? [`${count(state)} ${words}`] : []))
  const notReached = total - instances.filter(({ state }) => state !== 'not-selected').length
  if (notReached > 0) counts.push(`${notReached} not begun`)
  const hasNothing = result === 'ok' && count('finished') + count('pending') === 0
  const end = dryRun && result === 'ok' ? 'dry run' : endWords[result]
  const all = [...(hasNothing ? ['nothing to do'] : []), ...counts]
  return `${cleanLine(lab)}: ${end} after ${formatSeconds(seconds)}: ${all.join(', ')}`
}

const headPaint =
  ({ result }: RunRecord, paint: Style) =>
  (line: string) =>
    paint.bold(result === 'ok' ? paint.green(line) : result === 'failed' ? paint.red(line) : paint.yellow(line))

/** A line for each task that did something, however many nodes there are, and one for all that was so already. */
function doneLines({ instances }: RunRecord, { width }: SummaryOptions): readonly string[] {
  const byTask = (its: RunRecord['instances']) => [...Map.groupBy(its, ({ task }) => task)]
  const having = (state: InstanceState) => byTask(instances.filter((instance) => instance.state === state))
  const finished = having('finished').map(([task, its]) => [cleanLine(task), listNodes(its)] as const)
  const already = having('already-done').map(([task, its]) => `${cleanLine(task)} ${its.length}`)
  // What never began was not cut off.
  const cutOff = byTask(instances.filter(({ state, attempts }) => state === 'interrupted' && attempts > 0))
  const rows = [
    ...finished,
    ...(already.length > 0 && finished.length > 0 ? [['already so', already.join(', ')] as const] : []),
    ...(cutOff.length > 0
      ? [['cut off', cutOff.map(([task, its]) => `${cleanLine(task)} on ${listNodes(its)}`).join(', ')] as const]
      : []),
  ]
  const label = Math.max(0, ...rows.map(([name]) => widthOf(name)))
  return rows.flatMap(([name, text]) => labelled(`  ${padEnd(name, label)}  `, [text], width))
}
