import { diagnose } from '../../diagnose/diagnose.ts'
import { cleanLine } from '../../report/clean-line.ts'
import { contextMaker } from '../../run/task-context.ts'
import type { Command, GlobalOptions } from '../command.ts'
import { diagnosisJson, diagnosisText, exitCodeOfDiagnosis } from '../diagnosis-text.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { mustKnow, openLab } from '../lab.ts'
import { openSession } from '../session.ts'

/** Longer than all steps take on a busy emulated machine; what hangs beyond it is told as such. */
const limitSeconds = 180

export default {
  configure: (program) =>
    program
      .argument('<node>', 'a node of the file')
      .option('--json', 'as JSON')
      .addHelpText(
        'after',
        `
Looks only, and installs nothing: an edge is asked with bash and whatever of curl, openssl and python3 it has. What could
not be tested is a line with skip.

Exit code: 0 nothing is wrong, 5 something is, 4 a host is unreachable.

Examples:
  kedge why edge-1
  kedge why worker --json
`,
      ),

  async run(terminal, [name = ''], options: GlobalOptions & { readonly json?: boolean }) {
    const lab = openLab(terminal, options)
    const { lab: labName, nodes } = lab.topology
    mustKnow(
      'node',
      [name],
      nodes.map((node) => node.name),
    )
    if (!nodes.some(({ role }) => role === 'control-plane')) {
      throw new CliError(exitCodes.usage, `lab ${labName} has no control plane: there is nothing to join`)
    }
    const session = await openSession(terminal, lab)
    try {
      const fields = { id: `why@${name}`, task: 'why', node: name, phase: 'verification' } as const
      const ctx = contextMaker(session.surroundings)(
        { ...fields, waitsFor: [], timeoutSeconds: limitSeconds, retries: 0 },
        {
          signal: AbortSignal.any([terminal.signal, AbortSignal.timeout(limitSeconds * 1000)]),
          fields,
          onOutput: (_stream, line) => options.verbose && terminal.error(`${cleanLine(line)}\n`),
        },
      )
      const diagnosis = await diagnose(ctx, Date.now)
      if (terminal.signal.aborted) return exitCodes.interrupted
      terminal.write(options.json ? diagnosisJson(diagnosis) : diagnosisText(diagnosis))
      return exitCodeOfDiagnosis(diagnosis)
    } finally {
      await session.close()
    }
  },
} satisfies Command
