import { cleanLine } from './clean-line.ts'
import type { InstanceRecord } from './fold-run.ts'
import { type JunitCase, junit } from './junit.ts'
import type { Report } from './report.ts'
import { failureWords } from './words.ts'

/** A testcase per instance, the node as its class: for a CI system that shows which step failed where. */
export function reportJunit({ measures: { run } }: Report): string {
  const instances = run.instances.filter(({ state }) => state !== 'not-selected')
  return junit(`kedge run ${cleanLine(run.id)}, lab ${cleanLine(run.lab)}`, instances.map(caseOf))
}

function caseOf(instance: InstanceRecord): JunitCase {
  const { node, task, seconds, state, cause, why } = instance
  const about = { classname: node, name: task, seconds }
  switch (state) {
    case 'finished':
      return about
    case 'already-done':
      return { ...about, output: 'was so already' }
    case 'failed':
      return { ...about, ...failureOf(instance) }
    case 'unfinished':
      return { ...about, failure: 'it began, and has no end: kedge was killed, or is still at it' }
    case 'held-back':
      return { ...about, skipped: `waits for ${cleanLine(cause ?? 'what it needs')}, which failed` }
    case 'pending':
      return { ...about, skipped: `would run: ${cleanLine(why ?? '')}` }
    case 'interrupted':
    case 'not-selected':
      return { ...about, skipped: state }
    default:
      return state satisfies never
  }
}

function failureOf({ failure, attempts }: InstanceRecord): Pick<JunitCase, 'failure' | 'details'> {
  if (!failure) return { failure: 'failed' }
  const details = [
    ['command', failure.command],
    ['exit code', failure.exitCode],
    ['signal', failure.signal],
    ['attempts', attempts > 1 ? attempts : undefined],
    ['cause', failure.cause],
    ['cure', failure.cure],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${cleanLine(String(value))}`]))
  const lastLines = (failure.lastLines ?? []).map((line) => `  ${cleanLine(line)}`)
  return {
    failure: failureWords(failure),
    details: [...details, ...(lastLines.length > 0 ? ['last lines:', ...lastLines] : [])].join('\n'),
  }
}
