import { Option } from 'commander'
import { cleanLine } from '../../report/clean-line.ts'
import { printableJson } from '../../report/json.ts'
import { junit } from '../../report/junit.ts'
import { table } from '../../report/table.ts'
import type { Command, GlobalOptions } from '../command.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { mustKnow, openLab } from '../lab.ts'
import { type Answer, exitCodeOfProof, prove } from '../prove.ts'
import { openSession } from '../session.ts'

type VerifyOptions = GlobalOptions & {
  readonly on?: readonly string[]
  readonly format: keyof typeof proofFormats
  readonly json?: boolean
}

export default {
  configure: (program) =>
    program
      .option('--on <node...>', 'the claims about these nodes only')
      .addOption(new Option('--format <format>', 'how to write it').choices(Object.keys(proofFormats)).default('table'))
      .option('--json', 'the same as --format json')
      .addHelpText(
        'after',
        `
Nothing is taken from the journal: every claim is proven anew. For that a pod is started on each edge, in namespace default,
its log is read through CloudCore's tunnel, and it is removed again. All else only looks.

Exit code: 0 all claims hold, 5 one does not, 4 a host is unreachable.

Examples:
  kedge verify
  kedge verify --on edge-1 edge-2
  kedge verify --format junit > verify.xml
`,
      ),

  async run(terminal, _words, options: VerifyOptions) {
    const lab = openLab(terminal, options)
    const { lab: name, nodes } = lab.topology
    if (!nodes.some(({ role }) => role === 'control-plane')) {
      throw new CliError(exitCodes.usage, `lab ${name} has no control plane: there is nothing to verify`)
    }
    const names = nodes.map((node) => node.name)
    mustKnow('node', options.on ?? [], names)
    const about = nodes.filter((node) => options.on?.includes(node.name) ?? true)
    const edges = about.filter(({ role }) => role === 'edge').map((node) => node.name)
    if (!options.quiet && edges.length > 0) terminal.error(`a pod is run on ${edges.join(', ')}, and removed again\n`)
    const session = await openSession(terminal, lab)
    try {
      const answers = await prove(session.surroundings, about, {
        signal: terminal.signal,
        onOutput: (node, line) => options.verbose && terminal.error(`${node}: ${cleanLine(line)}\n`),
      })
      if (terminal.signal.aborted) return exitCodes.interrupted
      terminal.write(proofFormats[options.json ? 'json' : options.format](name, answers))
      return exitCodeOfProof(answers)
    } finally {
      await session.close()
    }
  },
} satisfies Command

const held = (answers: readonly Answer[]) => answers.filter(({ holds }) => holds).length

/** A format is one line here, and a function of the lab's name and the answers. */
export const proofFormats = { table: asTable, json: asJson, junit: asJunit } as const

function asTable(_lab: string, answers: readonly Answer[]): string {
  const rows = answers.map(({ node, claim, holds, figure }) => [
    holds ? 'ok' : 'FAIL',
    node,
    cleanLine(claim),
    cleanLine(figure),
  ])
  return `${[...table(rows), '', `${held(answers)} of ${answers.length} hold`].join('\n')}\n`
}

function asJson(lab: string, answers: readonly Answer[]): string {
  return `${printableJson({ lab, hold: held(answers), of: answers.length, findings: answers }, undefined, 2)}\n`
}

function asJunit(lab: string, answers: readonly Answer[]): string {
  const cases = answers.map(({ node, claim, holds, figure }) => ({
    classname: node,
    name: claim,
    ...(holds ? { output: figure } : { failure: figure }),
  }))
  return junit(`kedge verify ${lab}`, cases)
}
