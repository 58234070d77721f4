import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { type Child, createChild, failSoon } from './child.ts'
import type { Connection, Host, HostBinding } from './host.ts'
import { cutOff, damaged } from './local-files.ts'
import { isSecret, reveal } from './secret.ts'
import { type Command, createShell, type Spawn } from './shell.ts'

/** How a scripted command ends; a string is its stdout. */
export type Answer =
  | string
  | {
      readonly stdout?: string
      readonly stderr?: string
      readonly exitCode?: number
      readonly signal?: NodeJS.Signals
      /** The connection is lost instead: what the command fails with. */
      readonly error?: Error
    }

/** What a function that answers gets to see. */
export type ScriptedCommand = {
  readonly command: string
  /** What bash would be given: with the prefix, and with secrets as variables. */
  readonly script: string
  readonly cwd: string | undefined
  /** All of the command's stdin. */
  readonly input: string
  /** The raw values behind the stars, in order. */
  readonly secrets: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/**
 * A command, whole or as a pattern, and its answer; of several answers each is given once, and the last one from then on.
 * The first rule that matches counts. Secrets stand in commands as `***`.
 */
export type Rule = readonly [
  command: string | RegExp,
  answer: Answer | readonly Answer[] | ((command: ScriptedCommand) => Answer | Promise<Answer>),
]

export type Script = {
  readonly name?: string
  readonly rules?: readonly Rule[]
  readonly files?: Readonly<Record<string, string>>
}

export type ScriptedFile = { readonly content: Buffer; readonly mode: number }

export type ScriptedConnection = Connection & {
  /** Every command as it was started, in order. */
  readonly commands: readonly string[]
  /** Commands that no rule answers; each of them has failed its caller, too. */
  readonly unexpected: readonly string[]
  /** By absolute path, as `write` and `put` left them. */
  readonly files: ReadonlyMap<string, ScriptedFile>
}

/** A host that runs nothing: commands go through the real zx `$` and are answered by rules, files are kept in memory. */
export function scriptedConnection(script: Script = {}): ScriptedConnection {
  const { name = 'scripted', rules = [] } = script
  const commands: string[] = []
  const unexpected: string[] = []
  const files = new Map<string, ScriptedFile>(
    Object.entries(script.files ?? {}).map(([path, text]) => [path, { content: Buffer.from(text), mode: 0o644 }]),
  )
  const uses = new Map<Rule, number>()
  const running = new Set<Child>()

  const answerTo = (given: ScriptedCommand): Answer | Promise<Answer> => {
    const rule = rules.find(([pattern]) =>
      typeof pattern === 'string' ? pattern === given.command : pattern.test(given.command),
    )
    if (!rule) {
      unexpected.push(given.command)
      throw new Error(explainUnexpected(name, given.command, rules))
    }
    const answer = rule[1]
    if (typeof answer === 'function') return answer(given)
    if (!isList(answer)) return answer
    const use = uses.get(rule) ?? 0
    uses.set(rule, use + 1)
    return answer[Math.min(use, answer.length - 1)] ?? ''
  }

  const spawn: Spawn = (command) => {
    const stdin = new PassThrough()
    const control = createChild({
      stdin,
      signals: command.signals,
      signalGroup: (signal) => {
        stdout.end()
        stderr.end()
        control.exit(null, signal)
      },
    })
    const { child, stdout, stderr } = control
    running.add(child)
    child.once('close', () => running.delete(child))
    const stopped = command.signals.find((signal) => signal?.aborted)
    if (stopped) {
      failSoon(control, stopped.reason)
      return child
    }
    commands.push(command.shown)
    const play = async () => {
      const answer = await answerTo(await whole(command, stdin))
      if (control.isSettled()) return
      const { stdout: out = '', stderr: err = '', exitCode, signal, error } = asObject(answer)
      stdout.push(Buffer.from(out))
      stderr.push(Buffer.from(err))
      if (error) return control.fail(error)
      stdout.end()
      stderr.end()
      control.exit(signal ? null : (exitCode ?? 0), signal ?? null)
    }
    play().catch((error) => control.fail(error))
    return child
  }

  return {
    name,
    commands,
    unexpected,
    files,
    bind: (binding) => ({ name, $: createShell(name, spawn, binding), ...scriptedFiles(files, binding) }),
    async close() {
      for (const child of running) child.kill('SIGTERM')
    },
  }
}

async function whole(command: Command, stdin: PassThrough): Promise<ScriptedCommand> {
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(chunk)
  return {
    command: command.shown,
    script: command.script,
    cwd: command.cwd,
    input: Buffer.concat(chunks).toString('utf8'),
    secrets: command.secrets.map(reveal),
    env: command.env,
  }
}

function scriptedFiles(
  files: Map<string, ScriptedFile>,
  { signal, onOutput }: HostBinding,
): Pick<Host, 'read' | 'write' | 'put'> {
  return {
    async read(path) {
      signal.throwIfAborted()
      return files.get(path)?.content.toString('utf8')
    },
    async write(path, content, { mode = isSecret(content) ? 0o600 : 0o644 } = {}) {
      signal.throwIfAborted()
      onOutput('command', `write ${path}`)
      files.set(path, { content: Buffer.from(isSecret(content) ? reveal(content) : content), mode })
    },
    async put(localPath, path, { mode = 0o644, range, sha256, onProgress } = {}) {
      signal.throwIfAborted()
      onOutput('command', `put ${path}`)
      const whole = await readFile(localPath)
      const content = range ? whole.subarray(range.offset, range.offset + range.sizeBytes) : whole
      if (range && content.length !== range.sizeBytes) throw cutOff(localPath, range)
      const found = createHash('sha256').update(content).digest('hex')
      if (sha256 !== undefined && found !== sha256) throw damaged(localPath, sha256, found)
      files.set(path, { content, mode })
      onProgress?.(content.length, content.length)
    },
  }
}

const isList = (answer: Answer | readonly Answer[]): answer is readonly Answer[] => Array.isArray(answer)
const asObject = (answer: Answer) => (typeof answer === 'string' ? { stdout: answer } : answer)

function explainUnexpected(name: string, command: string, rules: readonly Rule[]): string {
  const known = rules.map(([pattern]) => `  ${pattern}`).join('\n')
  return `Unexpected command on ${name}:\n  ${command}\n${known ? `The script answers:\n${known}` : 'The script answers nothing.'}`
}
