import { type ChildProcess, spawn as spawnProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { defaults } from 'zx/core'
import { TaskError } from '../event/failure.ts'
import { type Child, type ChildControl, createChild, failSoon } from './child.ts'
import { dismissGuardHere, guardHere, localArguments, localPrefix, tellGuardHere } from './guard.ts'
import type { Connection } from './host.ts'
import { createLocalFiles } from './local-files.ts'
import { trackRunning } from './running.ts'
import { type Staged, stage } from './script-input.ts'
import { shCommand } from './sh-command.ts'
import { type Command, createShell } from './shell.ts'

/** This machine's own shell, as the user that runs kedge. */
export function localConnection(name = 'hypervisor'): Connection {
  const { spawn, endAll } = trackRunning(spawnLocal)
  return {
    name,
    bind: (binding) => ({ name, $: createShell(name, spawn, binding), ...createLocalFiles(binding) }),
    async close() {
      await endAll()
      dismissGuardHere()
    },
  }
}

function spawnLocal(command: Command): Child {
  const stdin = new PassThrough()
  const env = { ...inheritedEnvironment(), ...command.env }
  const ofSh = shCommand(command.script, { cwd: command.cwd, env })
  const staged = stage(ofSh === undefined ? command : { ...command, script: ofSh }, localPrefix)
  let started: ChildProcess | undefined
  let failure: unknown = command.signals.find((signal) => signal?.aborted)?.reason
  try {
    if (!failure) started = startShell({ words: ofSh === undefined ? bash : sh, staged, cwd: command.cwd, env })
  } catch (error) {
    failure = error
  }
  const control = createChild({
    stdin,
    pid: started?.pid,
    signals: command.signals,
    signalGroup: (signal) => signalGroup(started?.pid, signal),
    groupEnd: () => groupEnd(started?.pid),
    abandon: () => started?.unref(),
  })
  if (started?.pid === undefined && failure) failSoon(control, explain(failure, command))
  else if (started) connect(started, control, { command, staged, stdin })
  return control.child
}

const bash = ['bash', '--noprofile', '--norc', '-c'] as const
const sh = ['/bin/sh', '-c'] as const

type ShellStart = {
  readonly words: readonly [string, ...string[]]
  readonly staged: Staged
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

function startShell({ words: [program, ...options], staged, cwd, env }: ShellStart): ChildProcess {
  guardHere()
  return spawnProcess(program, [...options, staged.script, ...localArguments], {
    // A session of its own, so that one signal reaches everything that the command starts.
    detached: true,
    stdio: 'pipe',
    env,
    ...(cwd === undefined ? {} : { cwd }),
  })
}

type Start = { readonly command: Command; readonly staged: Staged; readonly stdin: PassThrough }

function connect(started: ChildProcess, control: ChildControl, { command, staged, stdin }: Start): void {
  const { stdin: input, stdout, stderr } = started
  if (stdout) control.stdout.attach(stdout)
  if (stderr) control.stderr.attach(stderr)
  if (input) {
    input.on('error', () => {})
    input.once('close', () => stdin.destroy())
    if (staged.input.length > 0) input.write(staged.input)
    stdin.pipe(input)
  }
  started.once('error', (error) => control.fail(explain(error, command)))
  started.once('exit', (code, signal) => {
    if (started.pid !== undefined) tellGuardHere(started.pid)
    control.exit(code, signal)
  })
}

/** What children inherit: not what would turn this executable into plain Bun, nor a start-up file for bash. */
export function inheritedEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(defaults.env).filter(([name]) => !name.startsWith('BUN_') && name !== 'BASH_ENV'),
  )
}

export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // The whole group has ended already.
  }
}

export async function groupEnd(pid: number | undefined): Promise<void> {
  const isOver = Date.now() + groupEndSeconds * 1000
  while (pid !== undefined && isGroupAlive(pid) && Date.now() < isOver) await Bun.sleep(20)
}

/** Longer than the grace that a stopped command has. */
const groupEndSeconds = 10

function isGroupAlive(group: number): boolean {
  try {
    process.kill(-group, 0)
  } catch {
    return false
  }
  // A process that has ended counts until somebody asks how, and where process 1 does not, nobody will.
  return readdirSync('/proc').some((name) => {
    try {
      if (!/^\d+$/.test(name)) return false
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      const [state, , number] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return Number(number) === group && state !== 'Z'
    } catch {
      return false
    }
  })
}

function explain(error: unknown, command: Command): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return error
  if (command.cwd !== undefined && !existsSync(command.cwd)) {
    return new TaskError({ kind: 'refused', message: `There is no folder ${command.cwd} to run commands in` })
  }
  return new TaskError({
    kind: 'refused',
    message: 'bash is missing on this machine',
    cure: 'Install the package bash',
  })
}
