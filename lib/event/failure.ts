/** Why an instance failed, as data: recorded in the journal, drawn by reporters, mapped to an exit code by the CLI. */
export type Failure = {
  readonly kind: FailureKind
  /** One sentence, secrets masked. */
  readonly message: string
  /** Set where waiting cures nothing although it does for others of this kind: a login that was refused, say. */
  readonly isFinal?: true
  /** The machine where it happened, where that is another than the instance's node. */
  readonly host?: string
  readonly command?: string
  readonly exitCode?: number
  readonly signal?: string
  /** The last lines that the command printed, oldest first. */
  readonly lastLines?: readonly string[]
  /** Where a known failure's signature matched: what is behind it, and what cures it. */
  readonly cause?: string
  readonly cure?: string
}

/**
 * - `unreachable`: no connection to the host, or it was lost and did not come back in time
 * - `untrusted`: the host shows a key that is not known, or not the one on record; nothing was sent to it
 * - `command`: a command ended with a code other than 0
 * - `timeout`: the task's `timeout` passed
 * - `still-pending`: `run` ended well, yet the check still finds something missing
 * - `refused`: the task will not act on what it found; waiting cures nothing
 * - `bundle`: a piece is missing from the bundle, or damaged
 * - `own-task`: the file of an own task threw, or its process ended before it was done
 * - `bug`: anything else that was thrown
 */
export type FailureKind =
  | 'unreachable'
  | 'untrusted'
  | 'command'
  | 'timeout'
  | 'still-pending'
  | 'refused'
  | 'bundle'
  | 'own-task'
  | 'bug'

/** Thrown by the code under a task to say what kind of failure this is; everything else that is thrown counts as a bug. */
export class TaskError extends Error {
  readonly failure: Failure
  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.message, options)
    this.name = 'TaskError'
    this.failure = failure
  }
}

export const refused = (message: string, cure?: string): TaskError =>
  new TaskError({ kind: 'refused', message, ...(cure ? { cure } : {}) })
