import type { Failure } from './failure.ts'

/** `task@node`, unique within a lab. */
export type InstanceId = `${string}@${string}`

/** What every event about an instance repeats, so that one line of `--json` can be read alone. */
export type InstanceFields = {
  readonly id: InstanceId
  readonly task: string
  readonly node: string
  /** `configuration`, `installation` or `verification`. */
  readonly phase: string
}

export type SkipReason = 'already-done' | 'dependency-failed' | 'interrupted' | 'not-selected'

export type EventBody =
  | {
      readonly type: 'run-started'
      readonly lab: string
      readonly kedge: string
      /** How many instances the run covers. */
      readonly instances: number
      readonly jobs: number
      /** Decides the order in which instances that are ready together start. */
      readonly seed: number
      readonly dryRun: boolean
    }
  /** The check before a task has begun; it only looks, so the journal does not keep it. */
  | ({ readonly type: 'task-checking' } & InstanceFields)
  /** Recorded before the effect: from here on the node may have changed. */
  | ({ readonly type: 'task-started'; readonly why: string; readonly attempt: number } & InstanceFields)
  /** `command` is what is about to run, `note` what the task says, the others what the command prints. One line each. */
  | ({
      readonly type: 'task-output'
      readonly stream: 'command' | 'stdout' | 'stderr' | 'note'
      readonly text: string
    } & InstanceFields)
  | ({
      readonly type: 'task-retrying'
      /** The one that failed. */
      readonly attempt: number
      readonly inSeconds: number
      readonly failure: Failure
    } & InstanceFields)
  /** `seconds` is the whole time from the instance's start to its end, check included. */
  | ({
      readonly type: 'task-finished'
      readonly seconds: number
      /** Part of what it was given → a digest: tells later whether that has changed since. */
      readonly inputs?: Readonly<Record<string, string>>
    } & InstanceFields)
  | ({
      readonly type: 'task-skipped'
      readonly because: SkipReason
      readonly seconds: number
      /** The failed instance that held this one back, for `dependency-failed`. */
      readonly cause?: InstanceId
      /** As in `task-finished`, for `already-done`. */
      readonly inputs?: Readonly<Record<string, string>>
    } & InstanceFields)
  /** In a dry run: what would have been run, in the check's words. */
  | ({ readonly type: 'task-pending'; readonly why: string; readonly seconds: number } & InstanceFields)
  | ({ readonly type: 'task-failed'; readonly seconds: number; readonly failure: Failure } & InstanceFields)
  | {
      readonly type: 'run-finished'
      readonly result: 'ok' | 'failed' | 'interrupted'
      readonly seconds: number
      readonly finished: number
      readonly alreadyDone: number
      readonly failed: number
      readonly heldBack: number
    }

/** `at` is ISO 8601 in UTC with milliseconds; `run` identifies one `kedge run`. */
export type Event = { readonly at: string; readonly run: string } & EventBody
export type Emit = (body: EventBody) => void
export type Reporter = (event: Event) => void
