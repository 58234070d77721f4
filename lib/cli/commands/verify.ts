import { Option } from 'commander'
import { toFailure } from '../../host/to-failure.ts'
import type { Finding, Question } from '../../kubeedge/finding.ts'
import { smokeQuestions } from '../../kubeedge/smoke-test.ts'
import { clusterQuestions } from '../../kubeedge/verify-cluster.ts'
import { nodeQuestions } from '../../kubeedge/verify-node.ts'
import { cleanLine } from '../../report/clean-line.ts'
import { printableJson } from '../../report/json.ts'
import { junit } from '../../report/junit.ts'
import { table } from '../../report/table.ts'
import { contextMaker } from '../../run/task-context.ts'
import type { TaskContext } from '../../task/task.ts'
import { controlPlane } from '../../topology/addresses.ts'
import type { Node } from '../../topology/topology.ts'
import type { Command, GlobalOptions, Terminal } from '../command.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { type Lab, mustKnow, openLab } from '../lab.ts'
import { openSession, type Session } from '../session.ts'

type VerifyOptions = GlobalOptions & {
  readonly on?: readonly string[]
  readonly format: keyof typeof formats
  readonly json?: boolean
}
/** `unreachable` where the question did not get through. */
type Answer = Finding & { readonly unreachable?: true }

/** Longer than any proof takes; what hangs beyond it counts as failed. */
const limitMinutes = 10

export default {
  configure: (program) =>
    program
      .option('--on <node...>', 'the claims about these nodes only')
      .addOption(new Option('--format <format>', 'how to write it').choices(Object.keys(formats)).default('table'))
      .option('--json', 'the same as --format json')
      .addHelpText(
        'after',
        `
Nothing is taken from the journal: every claim is proven anew. For that a pod is started on each edge, in namespace default,
its log is read through CloudCore's tunnel, and it is removed again; all else only looks.

Exit code: 0 all claims hold, 5 one does not, 4 a host is unreachable.

Examples:
  kedge verify
  kedge verify --on edge-1
  kedge verify --format junit > verify.xml
`,
      ),

  async run(terminal, _words, options: VerifyOptions) {
    const lab = openLab(terminal, options)
    const nodes = lab.topology.nodes
    if (!nodes.some(({ role }) => role === 'control-plane')) {
      throw new CliError(exitCodes.usage, `lab ${lab.topology.lab} has no control plane: there is nothing to verify`)
    }
    mustKnow(
      'node',
      options.on ?? [],
      nodes.map(({ name }) => name),
    )
    const about = nodes.filter(({ name }) => options.on?.includes(name) ?? true)
    const edges = about.filter(({ role }) => role === 'edge').map(({ name }) => name)
    if (!options.quiet && edges.length > 0) terminal.error(`proving ${edges.join(', ')} with a pod each\n`)
    const session = await openSession(terminal, lab)
    try {
      const answers = await answersOf(questionsOf(terminal, lab, session, about, options))
      if (terminal.signal.aborted) return exitCodes.interrupted
      terminal.write(formats[options.json ? 'json' : options.format](lab, answers))
      if (answers.some(({ unreachable }) => unreachable)) return exitCodes.unreachable
      return answers.every(({ holds }) => holds) ? exitCodes.done : exitCodes.taskFailed
    } finally {
      await session.close()
    }
  },
} satisfies Command

/** Node by node in the order of the file: what the cluster says of it, what it says itself, what a pod on it shows. */
function questionsOf(
  terminal: Terminal,
  lab: Lab,
  session: Session,
  about: readonly Node[],
  options: GlobalOptions,
): readonly Question[] {
  const signal = AbortSignal.any([terminal.signal, AbortSignal.timeout(limitMinutes * 60_000)])
  const contexts = new Map(
    lab.topology.nodes.map((node) => [node.name, contextOn(terminal, session, node, signal, options)]),
  )
  const contextOf = ({ name }: Node) => contexts.get(name) as TaskContext
  const ofCluster = clusterQuestions(contextOf(controlPlane(lab.topology)), about)
  return about.flatMap((node) => [
    ...ofCluster.filter((question) => question.node === node.name),
    ...nodeQuestions(contextOf(node)),
    ...(node.role === 'edge' ? smokeQuestions(contextOf(node)) : []),
  ])
}

function contextOn(
  terminal: Terminal,
  { surroundings }: Session,
  { name }: Node,
  signal: AbortSignal,
  { verbose }: GlobalOptions,
): TaskContext {
  const fields = { id: `verify@${name}`, task: 'verify', node: name, phase: 'verification' } as const
  return contextMaker(surroundings)(
    { ...fields, waitsFor: [], timeoutSeconds: limitMinutes * 60, retries: 0 },
    { signal, fields, onOutput: (_stream, line) => verbose && terminal.error(`${name}: ${cleanLine(line)}\n`) },
  )
}

/** Waits for all of them even if one breaks: a pod that another one started is still to be removed. */
async function answersOf(questions: readonly Question[]): Promise<readonly Answer[]> {
  const settled = await Promise.allSettled(questions.map(answerTo))
  return settled.flatMap((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value ? [one.value] : []
  })
}

/** A question that cannot be put is a claim that does not hold, with the reason as its figure; a bug of kedge's stays one. */
async function answerTo({ node, claim, ask }: Question): Promise<Answer | undefined> {
  try {
    const verdict = await ask()
    return verdict && { node, claim, ...verdict }
  } catch (error) {
    const { kind, message, lastLines } = toFailure(error)
    if (kind === 'bug') throw error
    const figure = [message, ...(kind === 'command' ? (lastLines?.slice(-1) ?? []) : [])].join(': ')
    return { node, claim, holds: false, figure, ...(kind === 'unreachable' ? { unreachable: true } : {}) }
  }
}

const formats = {
  table: (_lab: Lab, answers: readonly Answer[]) => {
    const rows = answers.map(({ node, claim, holds, figure }) => [
      holds ? 'ok' : 'FAIL',
      node,
      cleanLine(claim),
      cleanLine(figure),
    ])
    const held = answers.filter(({ holds }) => holds).length
    return `${[...table(rows), '', `${held} of ${answers.length} hold`].join('\n')}\n`
  },
  json: ({ topology }: Lab, answers: readonly Answer[]) => {
    const held = answers.filter(({ holds }) => holds).length
    return `${printableJson({ lab: topology.lab, hold: held, of: answers.length, findings: answers }, undefined, 2)}\n`
  },
  junit: ({ topology }: Lab, answers: readonly Answer[]) =>
    junit(
      `kedge verify ${topology.lab}`,
      answers.map(({ node, claim, holds, figure }) => ({
        classname: node,
        name: claim,
        ...(holds ? { output: figure } : { failure: figure }),
      })),
    ),
} as const
