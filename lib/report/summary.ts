import { cleanLine, lastVersion } from './clean-line.ts'
import { formatSeconds } from './duration.ts'
import { padEnd, widthOf, wrap } from './fit.ts'
import type { InstanceRecord, InstanceState, RunRecord } from './fold-run.ts'
import { type FailureGroup, groupFailures, listNodes } from './group-failures.ts'
import { type Style, style } from './style.ts'

export type SummaryOptions = {
  readonly color?: boolean
  /** Columns of the terminal; lines are not broken where it is left out. */
  readonly width?: number
  /** How the user starts kedge, with the options that the next command must repeat. */
  readonly kedge?: string
  /** What was asked for after `run`: the command that goes on with an interrupted run. */
  readonly wanted?: string
  /** Where the whole log is, as the user would write the path. */
  readonly log?: string
  /** The headline and the failures only. */
  readonly quiet?: boolean
}

/** The end of a run as text: what was done, what failed and what that held back, and what to type next. */
export function summary(record: RunRecord, options: SummaryOptions = {}): string {
  const paint = style(options.color ?? false)
  const { kedge = 'kedge', wanted = 'all' } = options
  const failures = groupFailures(record.instances)
  const lines = [...wrap(headline(record), options.width).map(headPaint(record, paint))]
  if (!options.quiet) lines.push(...doneLines(record, options))
  for (const group of failures) lines.push('', ...failureLines(group, kedge, options, paint))
  const goOn = goOnWords[record.result]
  if (goOn) lines.push('', ...wrap(goOn, options.width), `  ${paint.cyan(`${kedge} run ${cleanLine(wanted)}`)}`)
  if (options.log && record.result !== 'ok') lines.push('', `log: ${cleanLine(options.log)}`)
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
  const end = dryRun && result === 'ok' ? 'dry run' : endWords[result]
  return `${cleanLine(lab)}: ${end} after ${formatSeconds(seconds)}: ${counts.join(', ') || 'nothing to do'}`
}

const headPaint =
  ({ result }: RunRecord, paint: Style) =>
  (line: string) =>
    paint.bold(result === 'ok' ? paint.green(line) : result === 'failed' ? paint.red(line) : paint.yellow(line))

/** A line for each task that did something, however many nodes there are. */
function doneLines({ instances }: RunRecord, { width }: SummaryOptions): readonly string[] {
  const finished = Map.groupBy(
    instances.filter(({ state }) => state === 'finished'),
    ({ task }) => task,
  )
  const rows = [...finished].map(([task, its]) => [cleanLine(task), listNodes(its)] as const)
  const label = Math.max(0, ...rows.map(([task]) => widthOf(task)))
  return rows.flatMap(([task, nodes]) => labelled(`  ${padEnd(task, label)}  `, [nodes], width))
}

function failureLines(group: FailureGroup, kedge: string, options: SummaryOptions, paint: Style): readonly string[] {
  const { first, failure, instances, heldBack } = group
  const { width } = options
  const where = instances.length === 1 ? cleanLine(first.id) : `${cleanLine(first.task)} on ${instances.length} nodes`
  const tries = first.attempts > 1 ? ` (${first.attempts} attempts, ${formatSeconds(first.seconds)})` : ''
  const title = wrap(`${where}: ${cleanLine(failure.message)}${tries}`, width).map(paint.red)
  const part = (label: string, texts: readonly (string | undefined)[]) =>
    labelled(
      `  ${label.padEnd(9)}  `,
      texts.flatMap((text) => (text === undefined || text === '' ? [] : [text])),
      width,
    )
  const printed = (failure.lastLines ?? []).map((line) => cleanLine(lastVersion(line)))
  const ended = failure.signal ? `signal ${failure.signal}` : failure.exitCode?.toString()
  return [
    ...title,
    ...part('nodes', instances.length > 1 ? [listNodes(instances, 12)] : []),
    ...part('command', [failure.command && cleanLine(failure.command)]),
    ...part('exit code', [ended]),
    ...part(instances.length > 1 ? cleanLine(first.node) : 'output', printed),
    ...part('cause', [failure.cause && cleanLine(failure.cause)]),
    ...part('cure', [failure.cure && cleanLine(failure.cure)]),
    ...part('held back', heldBackTexts(heldBack)),
    // Never broken: these are for copying.
    ...nextCommands(first, instances, kedge).map(
      (text, at) => `  ${(at === 0 ? 'next' : '').padEnd(9)}  ${paint.cyan(text)}`,
    ),
  ]
}

function heldBackTexts(heldBack: readonly InstanceRecord[]): readonly string[] {
  return [...Map.groupBy(heldBack, ({ task }) => task)].map(([task, its]) => `${cleanLine(task)} on ${listNodes(its)}`)
}

function nextCommands(first: InstanceRecord, instances: readonly InstanceRecord[], kedge: string): readonly string[] {
  const task = cleanLine(first.task)
  const nodes = instances.length <= 3 ? ` --on ${instances.map(({ node }) => cleanLine(node)).join(' ')}` : ''
  return [`${kedge} logs ${cleanLine(first.id)}`, `${kedge} run ${task}${nodes}`]
}

/** Texts beside a label, which stands on the first line; continued under each other. */
function labelled(label: string, texts: readonly string[], width: number | undefined): readonly string[] {
  const indent = ' '.repeat(widthOf(label))
  const room = width === undefined ? undefined : Math.max(16, width - indent.length)
  return texts.flatMap((text) => wrap(text, room)).map((line, at) => `${at === 0 ? label : indent}${line}`.trimEnd())
}
