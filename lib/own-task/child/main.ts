import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Failure } from '../../event/failure.ts'
import type { Check, Task, TaskContext } from '../../task/task.ts'
import { childWord, type Description, type Question, type ToTask } from '../protocol.ts'
import { embedModules } from './embedded-modules.ts'
import { createLink } from './link.ts'
import { loadOwnTask } from './load-own-task.ts'
import { placeIn } from './place-in.ts'

/*
 * The process of an own task: of one attempt, or of several, one after the other. Nothing here trusts that the task's code lets
 * it live: what it is able to say of its end it says first, and the rest kedge sees from outside.
 */

/** For what asks its own children to end. */
const orphanMilliseconds = 1000

const link = createLink()
const setTimer = setInterval
const clearTimer = clearInterval
const forgetModule = (file: string) => delete createRequire('/').cache[file]
const exitProcess = process.exit.bind(process)
const mark = process.argv[process.argv.indexOf(childWord) + 1] ?? ''
let given: ToTask & { type: 'load' }
let embedding: Promise<void> | undefined
let loading: Promise<Task | undefined> | undefined
let making: Promise<TaskContext> | undefined
let made: TaskContext | undefined
let stopped = new AbortController()
let isAsItWas: (() => boolean) | undefined
let isResting = false
let isOver = false

// When memory runs out this process goes first, and not kedge or a VM.
try {
  writeFileSync('/proc/self/oom_score_adj', '1000')
} catch {
  // Where it may not, the kernel chooses.
}
// By this what the task's own code starts is found when kedge is killed.
process.env.KEDGE_COMMAND = `${mark}${process.pid}`

link.listen((message) => {
  if (message.type === 'load') load(message)
  else if (message.type === 'ask') void answer(message.question)
  else if (message.type === 'abort') stopped.abort()
  else if (message.type === 'rest') void rest(message.mark)
  else if (message.type === 'end') leave(0)
})
// kedge is gone: what the task's code has started goes, too.
process.on('disconnect', () => {
  if (isResting) exitProcess(0)
  process.kill(-process.pid, 'SIGTERM')
  setTimeout(() => process.kill(-process.pid, 'SIGKILL'), orphanMilliseconds)
})
// A message says that the task is to stop, and the context's signal fires. The signals are for what its code has started.
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => {})
process.on('uncaughtException', (error) => void breakOff(error, 'threw where nobody waits for it'))
process.on('unhandledRejection', (error) => void breakOff(error, 'rejected where nobody waits for it'))
process.exit = (code) => {
  const place = placeIn(new Error().stack ?? '', given?.file ?? '')
  const ended = `ended its process with process.exit(${code ?? process.exitCode ?? ''})`
  if (!isOver)
    link.send({ type: 'broken', failure: { kind: 'own-task', message: place ? `${ended}, at ${place}` : ended } })
  return exitProcess(code)
}

function load(message: ToTask & { type: 'load' }): void {
  const { file, mayShare = false } = message
  // Its body is to run again.
  if (given) forgetModule(file)
  given = message
  stopped = new AbortController()
  isResting = false
  // As for a script that was started by itself.
  process.argv = [process.execPath, file]
  embedding ??= embedModules(
    async () => (given.node ? await context() : undefined),
    () => made,
    { isRequired: /\brequire\s*\(/.test(readFileSync(file, 'utf8')), isCore: mayShare },
  )
  embedding.catch(() => {})
}

function context(): Promise<TaskContext> {
  making ??= import('./context.ts').then(({ createContext }) => {
    if (!given.node) throw new TypeError('there is no node')
    made = createContext(link, given.node, given.stateFolder, stopped.signal)
    return made
  })
  return making
}

/** What a shared process is to be when the attempt is over is what it was before any of the task's code ran. */
async function prepare(): Promise<void> {
  await embedding
  if (!given.mayShare || !given.node || made) return
  await context()
  isAsItWas ??= (await import('./fingerprint.ts')).takeFingerprint(process)
}

async function answer(question: Question): Promise<void> {
  try {
    const ended = await link.whileWorking(work(question))
    if (ended === 'stuck') throw new Error(`its ${question} waits for something that cannot come any more`)
    if (question === 'script') {
      // What the body has begun and not waited for.
      await link.idle()
      if (process.exitCode) throw new Error(`set process.exitCode to ${process.exitCode}`)
    }
    link.send({ type: 'answer', ...ended.result })
  } catch (error) {
    link.send({ type: 'failed', failure: await explain(error) })
  }
}

type Answer = { readonly check?: Check; readonly description?: Description }

async function work(question: Question): Promise<Answer> {
  await prepare()
  // What a CommonJS script exports is no task.
  if (question === 'script') {
    await import(given.file)
    return {}
  }
  loading ??= loadOwnTask(given.file)
  const task = await loading
  if (!task) throw new Error('the file has no default export any more')
  if (question === 'describe') return { description: descriptionOf(task) }
  if (question === 'run') {
    await task.run(await context())
    return {}
  }
  const check: unknown = await task.check(await context())
  if (!isCheck(check))
    throw new TypeError(`its check gave ${Bun.inspect(check)}, not done, pending(why) or doneIf(…, why)`)
  return { check: check.done ? { done: true } : { done: false, why: String(check.why) } }
}

const isCheck = (value: unknown): value is Check =>
  typeof value === 'object' && value !== null && 'done' in value && typeof value.done === 'boolean'

/** Plain data, whatever the file made of it. */
const descriptionOf = ({ description, checks, changes, step, assets }: Task): Description => ({
  description: String(description),
  ...(checks === undefined ? {} : { checks: String(checks) }),
  ...(changes === undefined ? {} : { changes: String(changes) }),
  ...(step === undefined ? {} : { step: Number(step) }),
  ...(assets === undefined ? {} : { assets: assets.map(String) }),
})

async function explain(error: unknown): Promise<Failure> {
  return (await import('./failure-of.ts')).failureOf(error, given?.file ?? '')
}

async function breakOff(error: unknown, how: string): Promise<void> {
  if (isOver) return
  const failure = await explain(error)
  const message = failure.kind === 'own-task' ? `${how}: ${failure.message}` : failure.message
  link.send({ type: 'broken', failure: { ...failure, message } })
  leave(1)
}

/** Nothing is under way any more, here or in kedge, and nothing was changed: the process is fit for the next attempt. */
async function rest(mark: string): Promise<void> {
  const isFit = (await idleSoon()) && !isOver && isAsItWas?.() === true && writeMark(mark)
  loading = undefined
  making = undefined
  made = undefined
  isResting = isFit
  link.send({ type: 'rested', isAsItWas: isFit })
}

/** False after several looks at what goes on; a process that is not let run for a while is not busy for that. */
function idleSoon(): Promise<boolean> {
  let looks = 0
  return new Promise((resolve) => {
    const timer = setTimer(() => {
      if (++looks >= busyLooks) end(false)
    }, busyMilliseconds)
    timer.unref()
    const end = (isIdle: boolean) => {
      clearTimer(timer)
      resolve(isIdle)
    }
    void link.idle().then(() => end(true))
  })
}

/** What a task prints by `console` has been written by then; one that uses other ways shares no process. */
function writeMark(mark: string): boolean {
  try {
    return [1, 2].every((stream) => writeSync(stream, mark) === mark.length)
  } catch {
    return false
  }
}

/** As soon as what was printed is on its way; timers and connections that the task left open are not waited for. */
function leave(code: number): void {
  if (isOver) return
  isOver = true
  process.on('beforeExit', () => exitProcess(code))
  void link.idle()
  const flush = () => process.stdout.write('', () => process.stderr.write('', () => exitProcess(code)))
  setTimeout(flush, flushMilliseconds).unref()
}

const flushMilliseconds = 20
/** For what a task left that still goes on; an idle process says so at once. */
const busyMilliseconds = 20
const busyLooks = 10
