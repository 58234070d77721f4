import { PassThrough } from 'node:stream'
import { type Child, createChild } from './child.ts'
import type { Command, Spawn } from './shell.ts'

/** Questions that were put to machines lately: the same one need not be put again while nobody changes anything. */
export type Looks = {
  /** For one user of a machine. What it asks a second time it asks anew: it waits for another answer. */
  share(machine: string, spawn: Spawn): Spawn
  /** From here until the result is called every command is run, and none is remembered. */
  changeBegins(): () => void
  /** Something is not as it should be, or is expected to change by itself: all is asked anew. */
  forget(): void
}

type Answer = { readonly stdout: readonly Buffer[]; readonly stderr: readonly Buffer[]; readonly code: number }
/** No answer: the command was stopped, got input, or printed too much to be kept. */
type Look = { readonly at: number; readonly answer: Promise<Answer | undefined> }

/** Machines change by themselves as well. */
const freshMilliseconds = 10_000
const keptBytes = 4 * 1024 * 1024

export function createLooks(now: () => number = () => performance.now()): Looks {
  const known = new Map<string, Look>()
  let changes = 0
  return {
    share(machine, spawn) {
      const asked = new Set<string>()
      return (command) => {
        if (changes > 0 || command.secrets.length > 0) return spawn(command)
        const key = JSON.stringify([machine, command.script, command.cwd, command.env])
        const look = known.get(key)
        const isAskedAgain = asked.has(key)
        asked.add(key)
        if (look && !isAskedAgain && now() - look.at < freshMilliseconds) return answered(look, command, spawn)
        const child = spawn(command)
        known.set(key, { at: now(), answer: answerOf(child) })
        return child
      }
    },
    changeBegins() {
      changes += 1
      known.clear()
      let isOver = false
      return () => {
        if (!isOver) changes -= 1
        isOver = true
      }
    },
    forget: () => known.clear(),
  }
}

function answerOf(child: Child): Promise<Answer | undefined> {
  const kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  let bytes = 0
  let isUsable = true
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= keptBytes) kept[stream].push(chunk)
    })
  }
  // A command that reads something is a question of its own.
  for (const name of ['write', 'end'] as const) {
    const method = child.stdin[name].bind(child.stdin) as (...args: unknown[]) => never
    child.stdin[name] = (...args: unknown[]) => {
      if (args.length > 0) isUsable = false
      return method(...args)
    }
  }
  child.once('error', () => {
    isUsable = false
  })
  return new Promise((resolve) => {
    child.once('close', (code: number | null) => {
      resolve(isUsable && code !== null && bytes <= keptBytes ? { ...kept, code } : undefined)
    })
  })
}

/** A command that ends as the other did; where that one has no answer, or this one reads something, it is run after all. */
function answered(look: Look, command: Command, spawn: Spawn): Child {
  const stdin = new PassThrough()
  let own: Child | undefined
  const control = createChild({
    stdin,
    signals: command.signals,
    signalGroup(signal) {
      if (own) return void own.kill(signal)
      control.exit(null, signal)
      for (const outlet of [control.stdout, control.stderr]) outlet.end()
    },
  })
  const runIt = () => {
    own = spawn(command)
    stdin.pipe(own.stdin)
    for (const stream of ['stdout', 'stderr'] as const) control[stream].attach(own[stream])
    own.once('error', (error) => control.fail(error))
    own.once('close', (code: number | null, signal: NodeJS.Signals | null) => control.exit(code, signal))
  }
  // Whether it is given input is known when who started it has had its turn; then stdin is at its end, and empty.
  setImmediate(async () => {
    const isUnread = stdin.writableEnded && stdin.readableLength === 0
    const answer = isUnread ? await look.answer : undefined
    if (control.isSettled()) return
    if (!answer) return runIt()
    for (const stream of ['stdout', 'stderr'] as const) {
      for (const chunk of answer[stream]) control[stream].push(chunk)
      control[stream].end()
    }
    control.exit(answer.code, null)
  })
  return control.child
}
