import { toFailure } from '../host/to-failure.ts'
import { contextMaker, type Surroundings } from '../run/task-context.ts'
import type { TaskContext } from '../task/task.ts'
import { controlPlane } from '../topology/addresses.ts'
import type { Node } from '../topology/topology.ts'
import type { Finding, Question } from '../verify/finding.ts'
import { smokeQuestions } from '../verify/smoke-test.ts'
import { clusterQuestions } from '../verify/verify-cluster.ts'
import { nodeQuestions } from '../verify/verify-node.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

/** `unreachable` where the question did not get through to its host. */
export type Answer = Finding & { readonly unreachable?: true }

export type ProofBinding = {
  readonly signal: AbortSignal
  /** Told what runs where, and what it prints. */
  onOutput(node: string, line: string): void
}

/** Longer than any proof takes; what hangs beyond it counts as failed. */
const limitMinutes = 10

/**
 * Asks all that there is to ask about these nodes, at once, and brings the answers node by node: what the cluster says of it,
 * what it says itself, what a pod on it shows. A question that cannot be put is a claim that does not hold.
 */
export async function prove(
  surroundings: Surroundings,
  about: readonly Node[],
  { signal, onOutput }: ProofBinding,
): Promise<readonly Answer[]> {
  const { topology } = surroundings
  const limited = AbortSignal.any([signal, AbortSignal.timeout(limitMinutes * 60_000)])
  const contextOn = ({ name }: Node): TaskContext => {
    const fields = { id: `verify@${name}`, task: 'verify', node: name, phase: 'verification' } as const
    return contextMaker(surroundings)(
      { ...fields, waitsFor: [], timeoutSeconds: limitMinutes * 60, retries: 0 },
      { signal: limited, fields, onOutput: (_stream, line) => onOutput(name, line) },
    )
  }
  const ofCluster = clusterQuestions(contextOn(controlPlane(topology)), about)
  const questions = about.flatMap((node) => {
    const ctx = contextOn(node)
    return [
      ...ofCluster.filter((question) => question.node === node.name),
      ...nodeQuestions(ctx),
      ...(node.role === 'edge' ? smokeQuestions(ctx) : []),
    ]
  })
  // All of them are waited for even if one breaks: a pod that another one started is still to be removed.
  const settled = await Promise.allSettled(questions.map(answerTo))
  return settled.flatMap((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value ? [one.value] : []
  })
}

/** What cannot be asked fails with the reason as its figure; a bug of kedge's stays one. */
async function answerTo({ node, claim, ask }: Question): Promise<Answer | undefined> {
  try {
    const verdict = await ask()
    return verdict && { node, claim, ...verdict }
  } catch (error) {
    const { kind, message, lastLines } = toFailure(error)
    if (kind === 'bug') throw error
    const figure = [message, ...(kind === 'command' ? (lastLines?.slice(-1) ?? []) : [])].join(': ')
    const isUnreachable = kind === 'unreachable' || kind === 'untrusted'
    return { node, claim, holds: false, figure, ...(isUnreachable ? { unreachable: true } : {}) }
  }
}

/** 4 before 5: where a host does not answer, the claims say little. */
export function exitCodeOfProof(answers: readonly Answer[]): ExitCode {
  if (answers.some(({ unreachable }) => unreachable)) return exitCodes.unreachable
  return answers.every(({ holds }) => holds) ? exitCodes.done : exitCodes.taskFailed
}
