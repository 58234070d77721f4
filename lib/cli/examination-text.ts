import type { Finding, Group } from '../doctor/finding.ts'
import { cleanLine } from '../report/clean-line.ts'
import { printableJson } from '../report/json.ts'
import { type Style, style } from '../report/style.ts'
import { table } from '../report/table.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

const colors = { ok: 'green', warn: 'yellow', fail: 'red' } as const satisfies Record<Finding['state'], keyof Style>

/** A line for each finding, host by host, its cure below it; then how many there are of each kind. */
export function examinationText(lab: string, groups: readonly Group[], color = false): string {
  if (groups.length === 0) return `lab ${lab} has neither VMs nor machines: there is nothing to look at\n`
  const paint = style(color)
  const lines = groups.flatMap(({ host, about, findings }) => [
    paint.bold(cleanLine(host)) + (about ? `  ${cleanLine(about)}` : ''),
    ...groupLines(findings, paint),
    '',
  ])
  return `${[...lines, summary(lab, groups)].join('\n')}\n`
}

/** As it stands below its host's name. */
export function groupLines(findings: readonly Finding[], paint: Style): readonly string[] {
  const rows = table(findings.map(({ what, figure }) => [cleanLine(what), cleanLine(figure)]))
  return findings.flatMap(({ state, cure }, at) => [
    `  ${paint[colors[state]](state.padEnd(4))}  ${rows[at]}`,
    ...(cure ? [`        ${paint.dim('cure:')} ${cleanLine(cure)}`] : []),
  ])
}

const countOf = (groups: readonly Group[], state: Finding['state']): number =>
  groups.flatMap(({ findings }) => findings).filter((finding) => finding.state === state).length

function summary(lab: string, groups: readonly Group[]): string {
  const [good, warnings, failures] = (['ok', 'warn', 'fail'] as const).map((state) => countOf(groups, state))
  const counts = `${good} ok, ${warnings} warn, ${failures} fail`
  return `${counts}: ${failures === 0 ? `lab ${lab} can be built` : `lab ${lab} cannot be built as it is`}`
}

export function examinationJson(lab: string, groups: readonly Group[]): string {
  const counts = Object.fromEntries((['ok', 'warn', 'fail'] as const).map((state) => [state, countOf(groups, state)]))
  return `${printableJson({ lab, fit: counts.fail === 0, ...counts, hosts: groups }, undefined, 2)}\n`
}

/** A host that does not answer weighs most: nobody knows what else is wrong with it. The bundle weighs least. */
export function exitCodeOfExamination(groups: readonly Group[]): ExitCode {
  const failures = groups.flatMap(({ findings }) => findings).filter(({ state }) => state === 'fail')
  if (failures.length === 0) return exitCodes.done
  if (failures.some(({ kind }) => kind === 'unreachable' || kind === 'untrusted')) return exitCodes.unreachable
  return failures.every(({ kind }) => kind === 'bundle') ? exitCodes.bundle : exitCodes.taskFailed
}
