import type { InstanceFields } from '../event/event.ts'
import type { Failure } from '../event/failure.ts'
import type { HostBinding } from '../host/host.ts'
import type { Looks } from '../host/looks.ts'
import type { Instance } from '../plan/plan.ts'
import type { Attempt, TaskContext } from '../task/task.ts'

/** All that a run takes from outside, so that a test can hand in its own tasks, hosts, time and chance. */
export type World = {
  /** kedge's version, for the journal. */
  readonly version: string
  readonly seed: number
  /** For one attempt. */
  task(instance: Instance): Attempt
  context(instance: Instance, binding: InstanceBinding): TaskContext
  /** What the instance was given, as digests for the journal; asked when it has ended. */
  inputs?(instance: Instance): Readonly<Record<string, string>>
  /** Resolves when every event emitted so far would outlive a loss of power: no task's `run` is called before. */
  onDisk?(): Promise<void>
  /** Told what changes something, as contexts may share what they have seen. */
  readonly looks?: Pick<Looks, 'changeBegins' | 'forget'>
  /** Whether the last thing known of it is that it was done: its check is likely to say so again. */
  wasDone?(instance: Instance): boolean
  /** What a thrown value means, with secrets masked. */
  toFailure(error: unknown): Failure
  /** Milliseconds from any fixed point. */
  now(): number
  /** Resolves after so many seconds, rejects when the signal fires. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>
  /** Uniform in [0, 1). */
  random(): number
}

export type InstanceBinding = Pick<HostBinding, 'signal'> & {
  readonly fields: InstanceFields
  readonly onOutput: (stream: 'command' | 'stdout' | 'stderr' | 'note', line: string) => void
}
