import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { Failure } from '../event/failure.ts'
import { createChild } from '../host/child.ts'
import { guardHere, localArguments, tellGuardHere } from '../host/guard.ts'
import { groupEnd, inheritedEnvironment, signalGroup } from '../host/local.ts'
import { mask } from '../host/secret.ts'
import { cannotStart, howItEnded } from './how-it-ended.ts'
import { processOutput } from './process-output.ts'
import { childWord, type FromTask, type ToTask } from './protocol.ts'

export type TaskProcess = {
  send(message: ToTask): void
  /** Resolves when it has ended and all that it printed has been passed on, with what to say of it if nobody ended it. */
  readonly closed: Promise<Failure>
  /** Has it flush what it printed and go; what does not within two seconds is killed. */
  end(): Promise<void>
  kill(): void
  /**
   * An attempt that went well is over. True when the process is as it was before it, and all that it printed has been passed on: then it may serve
   * another. Otherwise it is to be ended.
   */
  rest(): Promise<boolean>
  /** The next attempt, of a process that rests. */
  serve(attempt: Served): void
}

/** Whom a process serves. */
export type Served = {
  /** Asks it to end, with all that it started, and has it killed 5 s later. */
  readonly signal?: AbortSignal
  onOutput(stream: 'stdout' | 'stderr', line: string): void
  onMessage(message: FromTask): void
}

/** What is the same for all whom a process serves. */
export type ProcessOptions = {
  /** Where it starts. */
  readonly folder: string
  readonly env?: Readonly<Record<string, string>>
  /** Inherited as `labDescriptor`. */
  readonly labFile?: number
  /** More than this is a leak. */
  readonly memoryMiB?: number
  /** Which kedge the process is; this one, if none is named. */
  readonly kedge?: string
}

/** Above it a task is taken for one that leaks; the half of a small machine. */
const mostMemoryMiB = Math.min(1024, Math.floor(totalmem() / 2 ** 21))
const memoryLooksMilliseconds = 100
const goneWithinSeconds = 2
/** The runtime grows a little with each file that it loads. */
const mostAttempts = 200
const mostRestingMiB = 200
const keptLines = 20
/** Between the end of the channel and that of the process, when it ends by itself. */
const cutOffMilliseconds = 500

/** This program again, as the process of an own task. Not by its path: that may name a newer kedge by now, with another protocol. */
const self = '/proc/self/exe'
/** Compiled it is one file; otherwise Bun runs the child's. */
const selfWords = Bun.main.startsWith('/$bunfs/')
  ? [childWord]
  : ['--no-install', join(import.meta.dir, 'child/main.ts'), childWord]

/** Starts the process of an own task, in a group of its own. What goes wrong with it is in `closed`. */
export function startTaskProcess(options: ProcessOptions, first: Served): TaskProcess {
  const { folder, memoryMiB = mostMemoryMiB } = options
  guardHere()
  const words = options.kedge === undefined ? selfWords : [childWord]
  const started = spawn(options.kedge ?? self, [...words, localArguments[1]], {
    cwd: folder,
    env: { ...inheritedEnvironment(), ...options.env },
    detached: true,
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', options.labFile ?? 'ignore'],
  })
  const { pid } = started
  let hasExited = false
  let isEnding = false
  let because: Failure | undefined
  let served = first
  let attempts = 0
  let rested: ((isAsItWas: boolean) => void) | undefined
  const stop = new AbortController()
  const { signal } = stop
  const abort = () => stop.abort(served.signal?.reason)
  const control = createChild({
    stdin: new PassThrough(),
    pid,
    signals: [signal],
    signalGroup: (name) => signalGroup(pid, name),
    groupEnd: () => groupEnd(pid),
    abandon: () => started.unref(),
  })

  const lastLines: string[] = []
  const print = (stream: 'stdout' | 'stderr') => (line: string) => {
    lastLines.push(line)
    if (lastLines.length > keptLines) lastLines.shift()
    served.onOutput(stream, line)
  }
  const output = { stdout: processOutput(print('stdout'), mask), stderr: processOutput(print('stderr'), mask) }
  for (const stream of ['stdout', 'stderr'] as const) {
    const source = started[stream]
    if (source) control[stream].attach(source)
    // A secret that the task registered before it printed it has been sent before, through another channel: that is read first.
    control.child[stream].on('data', (chunk: Buffer) => void afterMessages().then(() => output[stream].write(chunk)))
    control.child[stream].once('end', () => void afterMessages().then(() => output[stream].end()))
  }

  const watch = setInterval(() => {
    const usedMiB = pid === undefined ? 0 : residentMiB(pid)
    if (usedMiB <= memoryMiB) return
    because ??= {
      kind: 'own-task',
      message: `used more than ${memoryMiB} MiB of memory, and was killed`,
      cure: 'look for what it keeps and never lets go, or have a command on the node do the work',
    }
    signalGroup(pid, 'SIGKILL')
  }, memoryLooksMilliseconds)

  started.on('message', (message) => {
    const { type, isAsItWas } = message as FromTask & { type: 'rested' }
    if (type === 'rested' && rested) rested(isAsItWas === true)
    else served.onMessage(message as FromTask)
  })
  started.once('disconnect', () => {
    setTimeout(() => {
      if (hasExited) return
      because ??= { kind: 'own-task', message: 'cut its process off from kedge, and was killed' }
      signalGroup(pid, 'SIGKILL')
    }, cutOffMilliseconds)
  })
  started.once('error', (error) => {
    because ??= cannotStart(error, folder)
    control.fail(error)
  })
  started.once('exit', (code, name) => {
    hasExited = true
    clearInterval(watch)
    if (pid !== undefined) tellGuardHere(pid)
    // What a task leaves behind that ended well is a service, as of any command.
    if (!isEnding) signalGroup(pid, 'SIGKILL')
    control.exit(code, name)
  })

  const closed = new Promise<Failure>((resolve) => {
    control.child.once('close', (code: number | null, name: string | null) => {
      clearInterval(watch)
      const said = () => (lastLines.length > 0 ? { lastLines: [...lastLines] } : {})
      void afterMessages().then(() => resolve({ ...said(), ...(because ?? howItEnded(code, name, signal)) }))
    })
  })

  const serve = (attempt: Served) => {
    attempts += 1
    served = attempt
    lastLines.length = 0
    for (const each of Object.values(output)) each.begin()
    guardHere()
    attempt.signal?.addEventListener('abort', abort, { once: true })
  }
  serve(first)

  return {
    closed,
    serve,
    send(message) {
      if (!hasExited && started.connected) started.send(message, () => {})
    },
    async rest() {
      if (hasExited || signal.aborted || because || attempts >= mostAttempts) return false
      if (pid === undefined || residentMiB(pid) > mostRestingMiB) return false
      const mark = `${randomUUID()}\n`
      const marks = [output.stdout.until(mark), output.stderr.until(mark)]
      const said = new Promise<boolean>((resolve) => {
        rested = resolve
      })
      this.send({ type: 'rest', mark })
      const late = Promise.withResolvers<false>()
      const timer = setTimeout(() => late.resolve(false), goneWithinSeconds * 1000)
      const allSaid = said.then(async (isAsItWas) => isAsItWas && (await Promise.all(marks)).length === marks.length)
      const isFit = await Promise.race([allSaid, late.promise, closed.then(() => false)])
      clearTimeout(timer)
      rested = undefined
      if (!isFit) {
        for (const each of Object.values(output)) each.giveUp()
        return false
      }
      if (hasExited || signal.aborted || Object.values(output).some((each) => each.hasMore())) return false
      served.signal?.removeEventListener('abort', abort)
      served = nobody
      return true
    },
    kill: () => signalGroup(pid, 'SIGKILL'),
    async end() {
      isEnding = true
      this.send({ type: 'end' })
      const late = setTimeout(() => {
        if (!hasExited) signalGroup(pid, 'SIGKILL')
        // A service that it left holds its output open.
        control.stdout.end()
        control.stderr.end()
      }, goneWithinSeconds * 1000)
      // A stopped task and what it started have their grace.
      if (signal?.aborted) clearTimeout(late)
      await closed
      clearTimeout(late)
    },
  }
}

const nobody: Served = { onOutput() {}, onMessage() {} }

/** Two turns of the event loop: in between everything is read that had arrived. */
const afterMessages = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))

function residentMiB(pid: number): number {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * pageBytes) / 2 ** 20
  } catch {
    return 0
  }
}

/** Of the machines that kedge is built for; where pages are larger, the bound is as well. */
const pageBytes = 4096
