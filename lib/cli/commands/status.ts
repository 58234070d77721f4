import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '../../event/journal.ts'
import type { Expiry } from '../../kubeedge/expiry.ts'
import { table } from '../../report/table.ts'
import type { Node, Topology } from '../../topology/topology.ts'
import type { Command, GlobalOptions } from '../command.ts'
import { expiryLines } from '../expiry-lines.ts'
import { type Lab, openLab } from '../lab.ts'
import { lookThrough } from '../look.ts'
import { lookAtExpiries } from '../look-at-expiries.ts'
import { openSession } from '../session.ts'

/** One instance, as it is shown. */
type Row = {
  readonly id: string
  readonly task: string
  readonly node: string
  readonly state: 'done' | 'pending' | 'drifted' | 'unknown'
  readonly why: string
  readonly lastRun: string | undefined
}

export default {
  configure: (program) =>
    program.option('--json', 'as JSON').addHelpText('after', '\nExamples:\n  kedge status\n  kedge status --json\n'),

  async run(terminal, _words, options: GlobalOptions & { readonly json?: boolean }) {
    const lab = openLab(terminal, options)
    const lastRuns = lastRunsOf(lab)
    const session = await openSession(terminal, lab)
    try {
      const { verdicts, exitCode } = await lookThrough(session, terminal, lab, lab.plan.instances)
      const rows = lab.plan.instances.map(({ id, task, node }): Row => {
        const { state, why } = verdicts.get(id) ?? { state: 'unknown', why: '' }
        const lastRun = lastRuns.get(id)
        // What kedge once brought to done and is so no longer has been changed by somebody else.
        const isDrifted = state === 'pending' && lastRun?.endsWith('finished')
        return { id, task, node, state: isDrifted ? 'drifted' : state, why, lastRun }
      })
      const nodes = nodesWithCertificates(lab.topology, rows)
      const certificates = await lookAtExpiries(session.surroundings, nodes, new Date(), terminal.signal)
      terminal.write(options.json ? asJson(lab, rows, certificates) : asText(rows, certificates))
      return exitCode
    } finally {
      await session.close()
    }
  },
} satisfies Command

/**
 * The nodes that have been worked on: something is done there now or, in a lab that stands, was so once. The others have no
 * certificates, and may have no machine that could be asked for any.
 */
export function nodesWithCertificates(
  topology: Topology,
  rows: readonly Pick<Row, 'node' | 'state' | 'lastRun'>[],
): readonly Node[] {
  const done = new Set(rows.filter(({ state }) => state === 'done').map(({ node }) => node))
  const once = new Set(rows.filter(({ lastRun }) => lastRun?.endsWith('finished')).map(({ node }) => node))
  const stands = topology.nodes.some(({ name }) => done.has(name))
  return topology.nodes.filter(({ name }) => done.has(name) || (stands && once.has(name)))
}

const asJson = (lab: Lab, instances: readonly Row[], certificates: readonly Expiry[]): string =>
  `${JSON.stringify({ lab: lab.topology.lab, instances, certificates }, null, 2)}\n`

function asText(rows: readonly Row[], certificates: readonly Expiry[]): string {
  const byNode = [...Map.groupBy(rows, ({ node }) => node)].flatMap(([node, own]) => [
    [node, `${own.filter(({ state }) => state === 'done').length}/${own.length} done`, '', ''],
    ...own.map(({ task, state, why, lastRun }) => [`  ${task}`, state, lastRun ?? '-', why]),
  ])
  const blocks = [table(byNode), ...(certificates.length > 0 ? [expiryLines(certificates)] : [])]
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

/** Instance → when and how a run last ended it. */
function lastRunsOf({ stateFolder }: Lab): ReadonlyMap<string, string> {
  const path = join(stateFolder, 'journal.sqlite')
  if (!existsSync(path)) return new Map()
  const journal = openJournal(path, { readOnly: true })
  try {
    return new Map(
      [...journal.lastEnds()].map(([id, { at, type }]) => [id, `${at.slice(0, 19)}Z ${type.replace('task-', '')}`]),
    )
  } finally {
    journal.close()
  }
}
