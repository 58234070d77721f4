import type { Attempt } from '../isolation/attempts.ts'
import { cleanLine } from '../report/clean-line.ts'
import { table } from '../report/table.ts'
import type { Closure } from './prove-closure.ts'

export type ClosureVerdict = 'closed' | 'attempts' | 'no-proof'

export function verdictOf({ attempts, objections, outcome, ran }: Closure): ClosureVerdict {
  if (attempts.length > 0) return 'attempts'
  return objections.length === 0 && outcome.result === 'ok' && ran > 0 ? 'closed' : 'no-proof'
}

/** The attempts as a table, and the verdict in words. */
export function closureText(lab: string, closure: Closure): string {
  const { attempts, localNames, nodes, ran, before, objections, remarks } = closure
  const rows = attempts.map((attempt) => [
    attempt.node,
    targetOf(attempt),
    whoOf(attempt),
    String(attempt.count),
    attempt.tasks.join(', ') || '-',
  ])
  const head = ['node', 'reached for', 'process', 'times', 'while']
  const shown = attempts.length === 0 ? [] : table([head, ...rows.map((row) => row.map(cleanLine))])
  const local = Object.entries(localNames).flatMap(([node, names]) =>
    names.length > 0 ? [`${node} asked for ${names.join(', ')}: no name of the outside, and not counted`] : [],
  )
  const share = before > 0 ? `; ${before} had been done before, and nothing is proven of them` : ''
  const where = `${nodes.length === 1 ? 'its node' : `its ${nodes.length} nodes`}`
  return `${[
    ...shown,
    ...(attempts.length > 0 ? [''] : []),
    ...[...local, ...remarks, ...objections].map(cleanLine),
    `${ran} ${ran === 1 ? 'instance' : 'instances'} ran on ${where} while cut off${share}`,
    `${lab}: ${verdicts[verdictOf(closure)](closure)}`,
  ].join('\n')}\n`
}

const verdicts: Record<ClosureVerdict, (closure: Closure) => string> = {
  closed: () => 'nothing reached for the internet',
  attempts: ({ attempts }) =>
    `the bundle is not closed: ${attempts.length === 1 ? 'one attempt' : `${attempts.length} attempts`} to leave the LANs`,
  'no-proof': ({ outcome, ran }) =>
    outcome.result !== 'ok'
      ? 'this proves nothing: the run did not come to its end'
      : ran === 0
        ? 'this proves nothing: all was done before. `kedge destroy` and prove it anew'
        : 'this proves nothing: not all could be seen',
}

function targetOf({ target }: Attempt): string {
  if (target.kind === 'name') return target.name ?? 'a name that could not be heard'
  const { address, port, protocol } = target
  if (port === 53 && protocol === 'udp' && isOwn(address)) return 'a name, asked for over UDP'
  const host = address.includes(':') && port !== undefined ? `[${address}]` : address
  return `${host}${port === undefined ? '' : `:${port}`}/${protocol}`
}

const isOwn = (address: string) => address === '::1' || address.startsWith('127.')

function whoOf({ processes, from, target }: Attempt): string {
  const known = processes.map(({ name, unit }) => (unit ? `${name} (${unit})` : name))
  if (known.length > 0) return known.join(', ')
  return from !== undefined && target.kind === 'address' && !isOwn(target.address) ? `? from ${from}` : '?'
}
