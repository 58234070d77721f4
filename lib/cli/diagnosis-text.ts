import { type Diagnosis, firstFailure } from '../diagnose/diagnosis.ts'
import { cleanLine } from '../report/clean-line.ts'
import { printableJson } from '../report/json.ts'
import { table } from '../report/table.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

/** One line a step, a log's lines under it; then the first cause and what to type. */
export function diagnosisText(diagnosis: Diagnosis): string {
  const rows = table(diagnosis.steps.map(({ state, what, figure }) => [state, cleanLine(what), cleanLine(figure)]))
  const lines = rows.flatMap((row, at) => [
    row,
    ...(diagnosis.steps[at]?.lines ?? []).map((line) => `        ${cleanLine(line)}`),
  ])
  const first = firstFailure(diagnosis)
  const end = first
    ? [`cause  ${cleanLine(first.cause ?? first.figure)}`, `type   ${cleanLine(first.cure ?? '')}`]
    : [`nothing is wrong with ${diagnosis.node}, as far as could be looked`]
  return `${[...lines, '', ...end].join('\n')}\n`
}

export function diagnosisJson(diagnosis: Diagnosis): string {
  const { node, role, steps } = diagnosis
  const first = firstFailure(diagnosis)
  const found = { node, role, steps, ...(first ? { cause: first.cause, type: first.cure } : {}) }
  return `${printableJson(found, undefined, 2)}\n`
}

/** What could not be reached weighs more than what is wrong: the first cause may lie where nobody could look. */
export function exitCodeOfDiagnosis(diagnosis: Diagnosis): ExitCode {
  if (diagnosis.isUnreachable) return exitCodes.unreachable
  return firstFailure(diagnosis) ? exitCodes.taskFailed : exitCodes.done
}
