import type { Expiry } from '../../kubeedge/expiry.ts'
import { asciiText } from '../../report/clean-line.ts'
import { printableJson } from '../../report/json.ts'
import { type StatusRow, type StatusView, statusText } from '../../report/status-text.ts'
import type { Node, Topology } from '../../topology/topology.ts'
import { bundleStatus } from '../bundle-status.ts'
import { type Command, type GlobalOptions, wantsColorInData, wantsUnicode } from '../command.ts'
import { expiryLines } from '../expiry-lines.ts'
import { explainPlan, knowledgeOf } from '../explain-plan.ts'
import { openLab } from '../lab.ts'
import { lookThrough } from '../look.ts'
import { lookAtExpiries } from '../look-at-expiries.ts'
import { machinesOf } from '../machines-of.ts'
import { pastOf } from '../past-of.ts'
import { openSession } from '../session.ts'

type StatusOptions = GlobalOptions & { readonly json?: boolean }

export default {
  configure: (program) =>
    program.option('--json', 'as JSON').addHelpText(
      'after',
      `
done: its check says so. pending: it is to be done. drifted: kedge had it done, and it is so no longer. unknown: its check
could not be asked. \`kedge plan\` says why. Many nodes of which the same is to be said stand together; -v shows each.

JSON: { lab, now, lastRun: { run, startedAt, result, seconds }, bundle: { place, isThere, attached, detached }, certificates,
  instances: [{ id, task, node, state, reason, why, cure, lastRun: { run, at, ended, seconds } }] }
  now: who works on the lab, { command, pid, host, since }, or null; so is what is not known of lastRun and bundle.

Exit code: 0 all could be looked at, whatever its state; 4 a host is unreachable, 5 a check failed, 7 the bundle is
incomplete or damaged.

Examples:
  kedge status
  kedge status --json
`,
    ),

  async run(terminal, _words, options: StatusOptions) {
    const lab = openLab(terminal, options)
    const past = pastOf(lab)
    const knowledge = knowledgeOf(lab, past)
    const session = await openSession(terminal, lab)
    try {
      const [{ verdicts, exitCode }, machines] = await Promise.all([
        lookThrough(session, terminal, lab, lab.plan.instances, past),
        machinesOf(session, terminal, lab),
      ])
      const bundle = bundleStatus(lab, terminal.cwd, machines)
      const { inputs = knowledge.inputs } = session.world
      const view: StatusView = {
        lab: lab.topology.lab,
        rows: explainPlan(lab.plan.instances, { ...knowledge, inputs }, verdicts).map((row) => withLastRun(row, past)),
        ...(knowledge.held ? { held: knowledge.held } : {}),
        ...(past.lastRun ? { lastRun: past.lastRun } : {}),
        ...(bundle ? { bundle } : {}),
      }
      const nodes = nodesWithCertificates(lab.topology, view.rows)
      const certificates = await lookAtExpiries(session.surroundings, nodes, new Date(), terminal.signal)
      if (options.json) terminal.write(`${printableJson(asData(view, certificates), undefined, 2)}\n`)
      else {
        const text = statusText(view, {
          color: wantsColorInData(terminal, options),
          verbose: options.verbose ?? false,
          ...(terminal.columns ? { width: terminal.columns } : {}),
        })
        const lines = certificates.length > 0 ? `\n${expiryLines(certificates).join('\n')}\n` : ''
        terminal.write(terminal.columns && !wantsUnicode(terminal) ? asciiText(text + lines) : text + lines)
      }
      return exitCode
    } finally {
      await session.close()
    }
  },
} satisfies Command

function withLastRun(
  { after: _, changed: __, ...row }: ReturnType<typeof explainPlan>[number],
  { lastEnds }: ReturnType<typeof pastOf>,
): StatusRow {
  const end = lastEnds.get(row.id as `${string}@${string}`)
  if (end?.type !== 'task-finished' && end?.type !== 'task-failed') return row
  const ended = end.type === 'task-finished' ? 'finished' : 'failed'
  return { ...row, lastRun: { run: end.run, at: end.at, ended, seconds: end.seconds } }
}

/**
 * The nodes that have been worked on: something is done there now or, in a lab that stands, was so once. The others have no
 * certificates, and may have no machine that could be asked for any.
 */
export function nodesWithCertificates(
  topology: Topology,
  rows: readonly Pick<StatusRow, 'node' | 'state' | 'lastRun'>[],
): readonly Node[] {
  const done = new Set(rows.filter(({ state }) => state === 'done').map(({ node }) => node))
  const once = new Set(rows.filter(({ lastRun }) => lastRun?.ended === 'finished').map(({ node }) => node))
  const stands = topology.nodes.some(({ name }) => done.has(name))
  return topology.nodes.filter(({ name }) => done.has(name) || (stands && once.has(name)))
}

const asData = ({ lab, held, lastRun, bundle, rows }: StatusView, certificates: readonly Expiry[]): object => ({
  lab,
  now: held ? { command: held.command, pid: held.pid, host: held.host, since: held.since } : null,
  lastRun: lastRun ?? null,
  bundle: bundle ?? null,
  instances: rows,
  certificates,
})
