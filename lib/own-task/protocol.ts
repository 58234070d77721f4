import type { Failure } from '../event/failure.ts'
import type { PutOptions } from '../host/host.ts'
import type { Asset, Check } from '../task/task.ts'
import type { Node, Topology } from '../topology/topology.ts'

/*
 * An own task runs in a process of its own: one for each attempt, or one for several attempts that follow each other, of files that
 * `mayShareProcess` lets do so, as long as each leaves the process as it found it:
 *
 *   kedge                                            the task's process
 *   own-task.ts        load, ask, rest, end   →      child/main.ts: loads the file, asks its check and run
 *   serve-context.ts   ← spawn, call, secret         child/context.ts: the TaskContext, with zx's real `$`
 *                      bytes, exit, answer    →
 *
 * What the task prints itself comes through the process' stdout and stderr. Secrets go over this channel and nowhere else.
 */

/** What both sides hold back when the other does not keep pace: bytes on their way in one stream. */
export const windowBytes = 512 * 1024

/** The first word of a kedge that is the process of an own task. */
export const childWord = '__own-task'

/** Where the lab's data lies for the child: a file that has no name any more. */
export const labDescriptor = 4

/** What is the same for all attempts, and large: read by the child when its task asks for it. */
export type LabData = {
  readonly topology: Topology
  /** Those that fit the node's architecture, or why there are none. */
  readonly pieces: readonly Asset[] | Failure
}

export type Machine = { readonly node: string; readonly afterwards: boolean }

/** `script` loads a file whose body is what it does. */
export type Question = 'describe' | 'check' | 'run' | 'script'

export type Description = {
  readonly description: string
  readonly checks?: string
  readonly changes?: string
  readonly step?: number
  readonly assets?: readonly string[]
}

export type ToTask =
  /** Without a node there is no context: the task is only asked what it is. */
  | {
      readonly type: 'load'
      readonly file: string
      readonly node?: Node
      readonly stateFolder: string
      readonly mayShare?: boolean
    }
  | { readonly type: 'ask'; readonly question: Question }
  | { readonly type: 'abort' }
  /** The attempt is over. A process that is as it was before writes the mark, which nobody knew, to stdout and stderr, and waits. */
  | { readonly type: 'rest'; readonly mark: string }
  /** Nothing more is asked: flush and go. */
  | { readonly type: 'end' }
  | { readonly type: 'answer'; readonly call: number; readonly value?: unknown; readonly failure?: Failure }
  | { readonly type: 'progress'; readonly call: number; readonly sentBytes: number; readonly totalBytes: number }
  | {
      readonly type: 'bytes'
      readonly command: number
      readonly stream: 'stdout' | 'stderr'
      readonly data: Uint8Array
    }
  | { readonly type: 'closed'; readonly command: number; readonly stream: 'stdout' | 'stderr' }
  | { readonly type: 'exit'; readonly command: number; readonly code: number | null; readonly signal: string | null }
  /** The command could not be run, or is out of sight. */
  | { readonly type: 'lost'; readonly command: number; readonly failure: Failure }
  /** So much of a command's input was passed on. */
  | { readonly type: 'taken'; readonly command: number; readonly bytes: number }

export type FromTask =
  | { readonly type: 'answer'; readonly check?: Check; readonly description?: Description }
  | { readonly type: 'failed'; readonly failure: Failure }
  /** Said before the process goes because the task's own code ended it, or threw where nobody waits. */
  | { readonly type: 'broken'; readonly failure: Failure }
  | { readonly type: 'rested'; readonly isAsItWas: boolean }
  | { readonly type: 'secret'; readonly secret: number; readonly value: string }
  | { readonly type: 'note'; readonly line: string }
  /** What a command is, or printed, as the log has it. */
  | {
      readonly type: 'output'
      readonly machine: Machine
      readonly stream: 'command' | 'stdout' | 'stderr'
      readonly line: string
    }
  | {
      readonly type: 'spawn'
      readonly command: number
      readonly machine: Machine
      readonly script: string
      readonly shown: string
      readonly secrets: readonly number[]
      readonly cwd?: string
      readonly env: Readonly<Record<string, string>>
    }
  | { readonly type: 'input'; readonly command: number; readonly data: Uint8Array }
  | { readonly type: 'input-end'; readonly command: number }
  | { readonly type: 'kill'; readonly command: number; readonly signal: NodeJS.Signals }
  | {
      readonly type: 'taken'
      readonly command: number
      readonly stream: 'stdout' | 'stderr'
      readonly bytes: number
    }
  | ({ readonly type: 'call'; readonly call: number; readonly machine: Machine } & Call)

/** What a task asks of a machine besides commands. */
export type Call =
  | { readonly what: 'read'; readonly path: string }
  | {
      readonly what: 'write'
      readonly path: string
      readonly content: string | Uint8Array | { readonly secret: number }
      readonly mode?: number
    }
  | {
      readonly what: 'put'
      readonly localPath: string
      readonly path: string
      readonly options: Omit<PutOptions, 'onProgress'>
    }
  | { readonly what: 'attach-bundle' }
