import { randomUUID } from 'node:crypto'
import { existsSync, openSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type Failure, TaskError } from '../event/failure.ts'
import { mask } from '../host/secret.ts'
import { under } from '../host/shell.ts'
import { toFailure } from '../host/to-failure.ts'
import type { TakeTurn } from '../host/turns.ts'
import { type Asset, type Attempt, alwaysRuns, type Check, done, pending, type TaskContext } from '../task/task.ts'
import type { Topology } from '../topology/topology.ts'
import { takeProcessTurn } from './process-turns.ts'
import type { Description, FromTask, LabData, Question } from './protocol.ts'
import type { OwnTaskText } from './read-own-task.ts'
import { keepResting, takeResting } from './resting-processes.ts'
import { serveContext } from './serve-context.ts'
import { type ProcessOptions, startTaskProcess } from './task-process.ts'

export type OwnTaskOptions = Pick<ProcessOptions, 'memoryMiB' | 'kedge'> & { readonly takeTurn?: TakeTurn }

/**
 * An own task for one attempt: its check and its run are asked in a process that serves no other at the same time. Whatever the file does there
 * is a failure of this attempt alone.
 */
export function ownTask(file: string, text: OwnTaskText, options: OwnTaskOptions = {}): Attempt {
  const { isScript } = text
  const { takeTurn = takeProcessTurn } = options
  let endTurn: (() => void) | undefined
  let open: OpenTask | undefined
  let hasRun = false
  const ask = async (question: Question, ctx: TaskContext) => {
    endTurn ??= await takeTurn(ctx.signal)
    open ??= openTask(file, text, ctx, options)
    return await open.ask(question)
  }
  return {
    description: `${isScript ? 'script' : 'own task'} ${basename(file)}`,
    async check(ctx) {
      if (isScript) return hasRun ? done : pending(alwaysRuns)
      return verdictOf((await ask('check', ctx)).check)
    },
    async run(ctx) {
      await ask(isScript ? 'script' : 'run', ctx)
      hasRun = true
    },
    async end() {
      await open?.end()
      endTurn?.()
    },
  }
}

/** What the file says of itself; for that it is loaded, in a process of its own. */
export async function describeOwnTask(
  file: string,
  { isScript }: OwnTaskText,
  options: OwnTaskOptions = {},
): Promise<Description> {
  const description = `${isScript ? 'script' : 'own task'} ${basename(file)}`
  if (isScript) return { description }
  const answer = Promise.withResolvers<Description>()
  const late = setTimeout(() => child.kill(), describedWithinSeconds * 1000)
  const child = startTaskProcess(
    { folder: dirname(dirname(file)), ...options },
    {
      onOutput: () => {},
      onMessage(message) {
        if (message.type === 'answer') answer.resolve({ description, ...message.description })
        else if (message.type === 'failed' || message.type === 'broken') answer.reject(new TaskError(message.failure))
      },
    },
  )
  void child.closed.then((failure) => answer.reject(new TaskError(failure)))
  child.send({ type: 'load', file, stateFolder: '' })
  child.send({ type: 'ask', question: 'describe' })
  try {
    return await answer.promise
  } finally {
    clearTimeout(late)
    await child.end()
  }
}

/** For a file that never ends to load; a busy machine must not be taken for that. */
const describedWithinSeconds = 120

type OpenTask = {
  ask(question: Question): Promise<FromTask & { type: 'answer' }>
  end(): Promise<void>
}

function openTask(file: string, { mayShare }: OwnTaskText, ctx: TaskContext, options: OwnTaskOptions): OpenTask {
  const { binding } = under(ctx.hypervisor.$)
  let waiting: PromiseWithResolvers<FromTask & { type: 'answer' }> | undefined
  let broken: Failure | undefined
  const kind = { folder: ctx.topology.folder, env: binding.env ?? {}, labFile: labFileOf(ctx), ...options }
  const child = (mayShare ? takeResting : startTaskProcess)(kind, {
    signal: ctx.signal,
    onOutput: (stream, line) => binding.onOutput(stream, line),
    onMessage(message) {
      try {
        take(message)
      } catch (error) {
        broken ??= { kind: 'own-task', message: mask(`its process said what kedge does not understand: ${error}`) }
        child.kill()
      }
    },
  })
  const server = serveContext(ctx, child.send)
  const take = (message: FromTask) => {
    if (server.take(message)) return
    if (message.type === 'answer') waiting?.resolve(message)
    else if (message.type === 'failed') waiting?.reject(new TaskError(message.failure))
    else if (message.type === 'broken') {
      broken ??= message.failure
      setTimeout(child.kill, brokenSeconds * 1000).unref()
    } else throw new TypeError('an unknown message')
  }
  const over = child.closed.then(async (failure) => {
    ctx.signal.removeEventListener('abort', abort)
    await server.endCommands()
    const { lastLines = [] } = failure
    return broken ? { ...(lastLines.length > 0 ? { lastLines } : {}), ...broken } : failure
  })
  const abort = () => child.send({ type: 'abort' })
  ctx.signal.addEventListener('abort', abort, { once: true })
  child.send({ type: 'load', file, node: ctx.node, stateFolder: ctx.stateFolder, mayShare })

  return {
    async ask(question) {
      waiting = Promise.withResolvers()
      child.send({ type: 'ask', question })
      void over.then((failure) => waiting?.reject(new TaskError(failure)))
      const answer = await waiting.promise
      waiting = undefined
      return answer
    },
    async end() {
      if (mayShare && !broken && !waiting && (await child.rest())) {
        ctx.signal.removeEventListener('abort', abort)
        return keepResting(kind, child)
      }
      await child.end()
      await over
    },
  }
}

/** For a process that said why it ends to do so. */
const brokenSeconds = 2

function verdictOf(check: Check | undefined): Check {
  if (check?.done === true) return done
  return pending(String(check?.done === false ? check.why : 'its check gave no verdict'))
}

const labFiles = new WeakMap<Topology, Map<string, number>>()

/** The lab's data, written once into a file that has no name any more, for every process of this run. */
function labFileOf(ctx: TaskContext): number {
  const files = labFiles.get(ctx.topology) ?? new Map<string, number>()
  labFiles.set(ctx.topology, files)
  const known = files.get(ctx.node.architecture)
  if (known !== undefined) return known
  const data: LabData = { topology: ctx.topology, pieces: piecesOf(ctx) }
  const path = join(existsSync(ctx.stateFolder) ? ctx.stateFolder : tmpdir(), `.kedge-${randomUUID()}`)
  const descriptor = openSync(path, 'wx+', 0o600)
  unlinkSync(path)
  writeFileSync(descriptor, JSON.stringify(data))
  files.set(ctx.node.architecture, descriptor)
  return descriptor
}

const kinds: readonly Asset['kind'][] = ['vm-image', 'os-packages', 'file', 'image', 'manifest']

function piecesOf(ctx: TaskContext): readonly Asset[] | Failure {
  try {
    return kinds.flatMap((kind) => ctx.assets(kind))
  } catch (error) {
    return toFailure(error)
  }
}
