import { printableJson } from '../../../report/json.ts'
import { checkBundle } from '../../check-bundle.ts'
import { closureText, verdictOf } from '../../closure-text.ts'
import type { Command, GlobalOptions, Terminal } from '../../command.ts'
import { confirm } from '../../confirm.ts'
import { CliError, exitCodeOf, exitCodes } from '../../exit-codes.ts'
import { type HeldLab, holdLab } from '../../hold-lab.ts'
import { isolatedNodes } from '../../isolated-nodes.ts'
import { type Lab, openLab } from '../../lab.ts'
import { proveClosure } from '../../prove-closure.ts'

type ProveOptions = GlobalOptions & { readonly yes?: boolean; readonly restore?: boolean; readonly json?: boolean }

export default {
  configure: (program) =>
    program
      .option('--yes', 'do not ask, although machines of yours are cut off for the time')
      .option('--restore', 'only put back what a proof that was killed left cut off')
      .option('--json', 'the verdict as JSON')
      .addHelpText(
        'after',
        `
Makes the VMs where the lab has some, takes default routes and name servers from every node, runs all, and gives them back.
Whatever asks for a name of the outside, or sends something to an address outside the LANs, is listed: each attempt is a
failure. What was done before is not proven: prove a lab that is new.

Exit code: 0 nothing reached for the internet, 5 something did, or nothing ran, 7 the bundle lacks something.

Examples:
  kedge bundle prove
  kedge bundle prove --yes --json
  kedge bundle prove --restore
`,
      ),

  async run(terminal, _words, options: ProveOptions) {
    const lab = openLab(terminal, options)
    const { lab: name, nodes } = lab.topology
    if (nodes.length === 0) throw new CliError(exitCodes.usage, `lab ${name} has no nodes: there is nothing to cut off`)
    if (options.restore) return await withLab(terminal, lab, options, async () => exitCodes.done)
    const verified = await verifyFirst(terminal, lab, options)
    if (verified !== exitCodes.done) return verified
    if (!options.yes) await ask(terminal, lab)
    return await withLab(terminal, lab, options, async (held) => {
      const closure = await proveClosure(terminal, lab, held, options)
      const outcome = 'outcome' in closure ? closure.outcome : closure
      if ('outcome' in closure) {
        const verdict = verdictOf(closure)
        if (options.json) terminal.write(jsonOf(name, closure))
        else terminal.write(closureText(name, closure))
        if (outcome.result === 'ok') return verdict === 'closed' ? exitCodes.done : exitCodes.taskFailed
      }
      if (outcome.result === 'interrupted') return exitCodes.interrupted
      return exitCodeOf([...outcome.failures.values()].map(({ kind }) => kind))
    })
  },
} satisfies Command

/** A bundle that lacks a piece fails at once, and without a node being touched. */
async function verifyFirst(terminal: Terminal, lab: Lab, options: ProveOptions): Promise<number> {
  if (lab.bundle === undefined) {
    if (!options.quiet) terminal.error('the lab names no bundle: only what its tasks do is proven\n')
    return exitCodes.done
  }
  return await checkBundle({ ...terminal, write: terminal.error }, lab, lab.bundle, { ...options, json: false })
}

/** VMs are kedge's own; other machines are somebody's. */
async function ask(terminal: Terminal, { topology }: Lab): Promise<void> {
  const theirs = topology.nodes.flatMap(({ name, machine }) =>
    machine.kind === 'existing' ? [`  ${name} (${machine.ssh.user}@${machine.ssh.host})\n`] : [],
  )
  if (theirs.length === 0) return
  terminal.error(
    `While this runs, these machines have no default route and no name server; who uses them from beyond their LANs loses them:\n${theirs.join('')}`,
  )
  await confirm(terminal, 'Go on?', 'kedge bundle prove --yes', 'nothing was changed')
}

async function withLab(
  terminal: Terminal,
  lab: Lab,
  options: ProveOptions,
  work: (held: HeldLab) => Promise<number>,
): Promise<number> {
  const before = isolatedNodes(lab)
  const held = await holdLab(terminal, lab, options, 'kedge bundle prove')
  try {
    if (options.restore && before.length === 0 && !options.quiet) terminal.error('no node is cut off\n')
    return isolatedNodes(lab).length > 0 ? exitCodes.unreachable : await work(held)
  } finally {
    await held.close()
  }
}

function jsonOf(
  lab: string,
  closure: Exclude<Awaited<ReturnType<typeof proveClosure>>, { failures: unknown }>,
): string {
  const { outcome, ...rest } = closure
  const verdict = { lab, verdict: verdictOf(closure), run: outcome.result, ...rest }
  return `${printableJson(verdict, undefined, 2)}\n`
}
