import { EventEmitter } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { createOutlet, type Outlet } from './outlet.ts'

/** Between asking a command's processes to end and ending them. */
const graceSeconds = 5
/** After that, for output that a process outside the group may hold open. */
const drainSeconds = 2

/** What zx takes for a ChildProcess: a command, wherever it runs. */
export type Child = EventEmitter & {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly pid: number
  /** Set by the kill that zx's own `timeout` asks for. */
  timedOut: boolean
  /** Signals the whole group; one that asks to end is followed by SIGKILL after 5 s. */
  kill(signal?: NodeJS.Signals): boolean
}

export type ChildControl = {
  readonly child: Child
  readonly stdout: Outlet
  readonly stderr: Outlet
  readonly isSettled: () => boolean
  /** The command has ended; settles when its output has been passed on. */
  exit(code: number | null, signal: NodeJS.Signals | null): void
  /** The command could not be run, or is out of sight; settles at once. */
  fail(error: unknown): void
}

export type ChildParts = {
  readonly stdin: Writable
  /** A real process number on this machine; commands elsewhere get one that no process here can have. */
  readonly pid?: number | undefined
  readonly signals: readonly (AbortSignal | undefined)[]
  /** Signals the command and everything that it started. */
  signalGroup(signal: NodeJS.Signals): void
  /** Resolves when nothing of the group lives any more, or nothing more can be known of it. Asked of a stopped command. */
  groupEnd?(): Promise<void>
  /** Lets go of a command that did not end. */
  abandon?(): void
}

// zx ends a command by `$.kill(pid)` alone; numbers above 2^31 are never taken for processes of this machine.
let nextRemotePid = 2 ** 31 + 1
const children = new Map<number, Child>()

export const childOf = (pid: number): Child | undefined => children.get(pid)

export function createChild(parts: ChildParts): ChildControl {
  const pid = parts.pid ?? nextRemotePid++
  const stdout = createOutlet()
  const stderr = createOutlet()
  let settled = false
  let exited: { code: number | null; signal: NodeJS.Signals | null } | undefined
  let openOutlets = 2
  let escalation: Timer | undefined
  let group: 'unasked' | 'ending' | 'gone' = 'unasked'

  const settle = () => {
    if (settled || !exited || openOutlets > 0) return
    // What the command left in its group has the same grace as the command, though it holds no output open.
    if (escalation && group === 'unasked' && parts.groupEnd) {
      group = 'ending'
      parts.groupEnd().then(groupIsGone, groupIsGone)
    }
    if (group === 'ending') return
    settled = true
    clearTimeout(escalation)
    children.delete(pid)
    for (const signal of parts.signals) signal?.removeEventListener('abort', onAbort)
    parts.stdin.destroy()
    child.emit('exit', exited.code, exited.signal)
    child.emit('close', exited.code, exited.signal)
  }
  const groupIsGone = () => {
    group = 'gone'
    settle()
  }
  const exit: ChildControl['exit'] = (code, signal) => {
    exited ??= { code, signal }
    settle()
  }
  const fail = (error: unknown) => {
    if (settled) return
    child.emit('error', error)
    exit(null, null)
    stdout.end()
    stderr.end()
  }
  const letGo = () => {
    parts.abandon?.()
    group = 'gone'
    exit(null, 'SIGKILL')
    stdout.stream.destroy()
    stderr.stream.destroy()
  }
  const kill = (signal: NodeJS.Signals = 'SIGTERM'): boolean => {
    if (settled) return false
    parts.signalGroup(signal)
    if (signal === 'SIGKILL') escalation ??= setTimeout(letGo, drainSeconds * 1000)
    else if (['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'].includes(signal)) {
      escalation ??= setTimeout(() => {
        parts.signalGroup('SIGKILL')
        escalation = setTimeout(letGo, drainSeconds * 1000)
      }, graceSeconds * 1000)
    }
    return true
  }
  const child: Child = Object.assign(new EventEmitter(), {
    stdin: parts.stdin,
    stdout: stdout.stream,
    stderr: stderr.stream,
    pid,
    timedOut: false,
    kill,
  })
  function onAbort(this: AbortSignal) {
    child.emit('error', this.reason)
    kill('SIGTERM')
  }

  for (const outlet of [stdout, stderr]) {
    outlet.stream.once('close', () => {
      openOutlets -= 1
      settle()
    })
  }
  // zx listens to the first error only.
  child.on('error', () => {})
  // A command that reads nothing, or is gone, is no error of its own: its exit says what happened.
  parts.stdin.on('error', () => {})
  children.set(pid, child)
  for (const signal of parts.signals) signal?.addEventListener('abort', onAbort, { once: true })
  return { child, stdout, stderr, isSettled: () => settled, exit, fail }
}

/** Fails in the next turn: zx listens only once it has the child in its hands. */
export const failSoon = (control: ChildControl, error: unknown): void => {
  setImmediate(() => control.fail(error))
}

/** For a kedge that leaves at once: no grace. Resolves when nothing that it started lives on, here or on a node. */
export async function killChildren(): Promise<void> {
  await Promise.all(
    [...children.values()].map((child) => {
      const closed = new Promise((resolve) => child.once('close', resolve))
      return child.kill('SIGKILL') ? closed : undefined
    }),
  )
}
