import type { ProcessPromise, Shell } from 'zx'
import { defaults, type Options, $ as zx } from 'zx/core'
import { adaptPromise, isTemplate } from './adapt-promise.ts'
import { type Child, childOf } from './child.ts'
import type { HostBinding } from './host.ts'
import { createOutputStore } from './output-store.ts'
import { quote } from './quote.ts'
import { isSecret, mask, reveal, type Secret, secretOfArgument, showCommand, variableOf } from './secret.ts'
import { splitLines } from './split-lines.ts'

/** One command on its way to a host. */
export type Command = {
  /** The whole script for bash; secrets stand in it as `"$KEDGE_SECRET_n"`. */
  readonly script: string
  /** As people may read it. */
  readonly shown: string
  /** To be set as shell variables before the script, from standard input: never in argv, never in the environment. */
  readonly secrets: readonly Secret[]
  readonly cwd?: string | undefined
  /** Added to what the host has of its own. */
  readonly env: Readonly<Record<string, string>>
  /** Each of them stops the command. */
  readonly signals: readonly (AbortSignal | undefined)[]
}

/** Starts a command on one host; never throws, a failure to start is the child's. */
export type Spawn = (command: Command) => Child

/** What a host's `$` stands on, for who runs scripts that are made elsewhere: in the process of an own task. */
export type Ground = { readonly spawn: Spawn; readonly binding: HostBinding }

/** What every script begins with unless a call says otherwise. */
export const strictly = 'set -euo pipefail;'

const grounds = new WeakMap<object, Ground>()

/** Throws TypeError for a `$` that was made from another. */
export function under(shell: Shell): Ground {
  const ground = grounds.get(shell)
  if (!ground) throw new TypeError('not the $ of a host')
  return ground
}

type ShellOptions = Partial<Omit<Options, 'input' | 'env'>> & {
  readonly input?: Options['input'] | Secret
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

// zx ends commands through this one alone, whatever was set per call. A signal of its own tells a timeout from a kill.
const timeoutSignal = 'kedge-timeout' as NodeJS.Signals
defaults.timeoutSignal = timeoutSignal
defaults.kill = async (pid: number | `${number}`, signal: NodeJS.Signals = 'SIGTERM') => {
  const child = childOf(Number(pid))
  if (!child) return
  child.timedOut ||= signal === timeoutSignal
  child.kill(signal === timeoutSignal ? 'SIGTERM' : signal)
}

/**
 * zx's own `$` over a host's `spawn`. Options are per call, as in `$({ nothrow: true })`; `env` adds to the host's variables.
 * A failed command rejects with ProcessOutput; `nothrow` forgives exit codes, never a lost or stopped command. A command
 * finds its stdin empty unless `input` is given or something is piped into it.
 */
export function createShell(host: string, start: Spawn, binding: HostBinding): Shell {
  const spawn = binding.looks?.share(host, start) ?? start
  const withOptions = (options: ShellOptions): Shell => {
    const shell = (first: TemplateStringsArray | ShellOptions, ...args: unknown[]) =>
      isTemplate(first)
        ? run(first, args, options)
        : withOptions({ ...options, ...first, env: { ...options.env, ...first.env } })
    return Object.defineProperty(shell, 'sync', { get: refuseSync }) as unknown as Shell
  }

  const run = (pieces: TemplateStringsArray, args: readonly unknown[], options: ShellOptions): ProcessPromise => {
    const { env, input, prefix = strictly, postfix = '', ...rest } = options
    const secrets = new Set<Secret>()
    const store = createOutputStore()
    const taps = new Set<(chunk: Buffer) => void>()
    const promise: ProcessPromise = zx({
      ...rest,
      ...(input === undefined ? {} : { input: isSecret(input) ? reveal(input) : input }),
      prefix,
      postfix,
      shell: 'bash',
      stdio: 'pipe',
      verbose: true,
      detached: false,
      store: store as unknown as NonNullable<Options['store']>,
      log: createLog(binding, taps),
      quote: (text) => {
        const secret = secretOfArgument(text)
        if (!secret) return quote(text)
        secrets.add(secret)
        return `"$${variableOf(secret)}"`
      },
      spawn: ((script: string, _args: unknown, { signal }: { signal?: AbortSignal }) => {
        if (input === undefined || input === '') setImmediate(() => endUnusedInput(promise))
        return spawn({
          script,
          shown: showCommand(script.slice(prefix.length, script.length - postfix.length)),
          secrets: [...secrets],
          cwd: options.cwd,
          env: onlyStrings(env),
          signals: [binding.signal, signal],
        })
      }) as unknown as Options['spawn'],
    })(pieces, ...args)
    return adaptPromise(promise, {
      host,
      store,
      taps,
      signal: binding.signal,
      $: withOptions({ ...options, input: undefined }),
    })
  }
  const shell = withOptions({ ...(binding.cwd === undefined ? {} : { cwd: binding.cwd }), env: binding.env })
  grounds.set(shell, { spawn, binding })
  return shell
}

/** A script that is text already (a one-liner of the YAML file) as what `$` takes: `$(verbatim(text))`. */
export const verbatim = (text: string): TemplateStringsArray => Object.assign([text], { raw: [text] })

function createLog(binding: HostBinding, taps: ReadonlySet<(chunk: Buffer) => void>): Options['log'] {
  const stdout = splitLines((line) => binding.onOutput('stdout', line), mask)
  const stderr = splitLines((line) => binding.onOutput('stderr', line), mask)
  let hasEnded = false
  return (entry) => {
    // After the end zx makes up a newline where the output had none.
    if (hasEnded) return
    if (entry.kind === 'cmd') binding.onOutput('command', showCommand(entry.cmd))
    else if (entry.kind === 'stdout') {
      for (const tap of taps) tap(entry.data)
      if (entry.verbose) stdout.write(entry.data)
    } else if (entry.kind === 'stderr') {
      if (entry.verbose) stderr.write(entry.data)
    } else if (entry.kind === 'end') {
      hasEnded = true
      stdout.end()
      stderr.end()
    }
  }
}

// zx would leave stdin open, and a command that reads it would wait for ever.
function endUnusedInput(promise: ProcessPromise): void {
  const stdin = promise['_stdin' as never] as NodeJS.WritableStream
  if (stdin.listenerCount('unpipe') === 0) stdin.end()
}

function onlyStrings(env: Readonly<Record<string, string | undefined>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

function refuseSync(): never {
  throw new TypeError('$.sync would hold up every other node; use await')
}
