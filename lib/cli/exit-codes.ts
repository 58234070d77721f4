import type { FailureKind } from '../event/failure.ts'

/** What kedge's exit codes mean; the one table. */
export const exitCodes = {
  done: 0,
  bug: 1,
  usage: 2,
  configuration: 3,
  unreachable: 4,
  taskFailed: 5,
  labHeld: 6,
  bundle: 7,
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

const ofKind: Record<FailureKind, ExitCode> = {
  unreachable: exitCodes.unreachable,
  untrusted: exitCodes.unreachable,
  command: exitCodes.taskFailed,
  timeout: exitCodes.taskFailed,
  'still-pending': exitCodes.taskFailed,
  refused: exitCodes.taskFailed,
  bundle: exitCodes.bundle,
  'own-task': exitCodes.taskFailed,
  bug: exitCodes.bug,
}

/** One code for all that failed in a run: a bug first, then a failed task, then what lies outside the tasks. */
export function exitCodeOf(kinds: Iterable<FailureKind>): ExitCode {
  const codes = new Set([...kinds].map((kind) => ofKind[kind]))
  const order = [exitCodes.bug, exitCodes.taskFailed, exitCodes.bundle, exitCodes.unreachable]
  return order.find((code) => codes.has(code)) ?? exitCodes.done
}

/** Ends a command with a code and a text for stderr; for what is wrong outside a run. */
export class CliError extends Error {
  readonly exitCode: ExitCode
  constructor(exitCode: ExitCode, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}
