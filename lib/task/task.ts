import type { Host, Shell } from '../host/host.ts'
import type { Secret } from '../host/secret.ts'
import type { Node, Topology } from '../topology/topology.ts'

/** A check's verdict; `why` is what a plan prints and what a failed task says of itself. */
export type Check = { readonly done: true } | { readonly done: false; readonly why: string }

export const done: Check = { done: true }
export const pending = (why: string): Check => ({ done: false, why })
export const doneIf = (isDone: boolean, why: string): Check => (isDone ? done : pending(why))

/** What a task without a check says each time. */
export const alwaysRuns = 'has no check, so it always runs'

/** The first verdict that is not done, or done: for a check that asks several questions in order. */
export async function firstPending(...questions: (() => Check | Promise<Check>)[]): Promise<Check> {
  for (const ask of questions) {
    const check = await ask()
    if (!check.done) return check
  }
  return done
}

/** What a bundle holds under one name for the node's architecture. */
export type Asset = {
  readonly name: string
  readonly kind: 'vm-image' | 'os-packages' | 'file' | 'image' | 'manifest'
  readonly version: string
  /** Absolute path on the machine that runs kedge. */
  readonly path: string
  /** Where in that file it begins, in bytes, when the bundle is one file; otherwise the file is the piece. */
  readonly offset?: number
  /** The bundle that it lies in, when that is one file. */
  readonly bundleFile?: FileRange
  readonly sizeBytes: number
  /** Lower-case hex. */
  readonly sha256: string
  /** For an image: the roles whose nodes import it; empty means every node. */
  readonly roles: readonly string[]
  /** For an image: `sha256:…` of its manifest in the registry that it came from. */
  readonly digest?: string
}

/** Bytes `offset` to `offset + sizeBytes` of a file on the machine that runs kedge. */
export type FileRange = { readonly path: string; readonly offset: number; readonly sizeBytes: number }

/** What a task may see and touch: this and nothing else. */
export type TaskContext = {
  readonly node: Node
  readonly topology: Topology
  /** zx's `$` on the instance's node, as root. */
  readonly $: Shell
  /** The instance's node; connected at first use. */
  readonly host: Host
  readonly hypervisor: Host
  /** Another node of the lab. */
  on(node: Node): Host
  /** A node's host whose commands still run for some seconds after a stop: for taking back what must not stay, and short. */
  afterwards(node: Node): Host
  /** The bundle's piece of that name, or a failure of kind `bundle`. */
  asset(name: string): Asset
  /** Every piece of a kind, for this node's architecture. */
  assets(kind: Asset['kind']): readonly Asset[]
  /** Puts the bundle into the node's VM as a disk, if it is not there yet; false where that cannot be, and pieces are sent. */
  attachBundle(): Promise<boolean>
  /** Raw on the wire, `***` everywhere else. */
  secret(value: string): Secret
  /** A line for the log and the progress display. */
  say(text: string): void
  /** The lab's folder for keys and other files that kedge keeps about nodes; absolute, mode 0700. */
  readonly stateFolder: string
  /** Resolves after that many seconds, or rejects when the instance is stopped. */
  sleep(seconds: number): Promise<void>
  readonly signal: AbortSignal
}

export type Task = {
  /** The version of this API that the file was written for; a kedge that has an older one refuses the file. */
  readonly apiVersion?: number
  /** One line, imperative, for `kedge tasks`. */
  readonly description: string
  /** What holds where `check` says done, in one line, for `kedge help TASK`. */
  readonly checks?: string
  /** What `run` does, in one line, for the same. */
  readonly changes?: string
  /** Which of the twelve steps of the procedure this is, as the report numbers it. */
  readonly step?: number
  /** Names of bundle pieces that it cannot do without. */
  readonly assets?: readonly string[]
  /** Only looks. */
  check(ctx: TaskContext): Promise<Check>
  /** Changes; may meet a half-finished machine. */
  run(ctx: TaskContext): Promise<void>
  /** Takes back what `run` made; meets anything from nothing to everything. */
  undo?(ctx: TaskContext): Promise<void>
}

/** A task as one attempt of an instance has it; `end` lets go of what it holds, when nothing more is asked of it. */
export type Attempt = Task & { end?(): Promise<void> }

export const task = (definition: Task): Task => definition
