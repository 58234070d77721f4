import { PassThrough } from 'node:stream'
import type { ClientChannel } from 'ssh2'
import { TaskError } from '../event/failure.ts'
import { type ChildControl, createChild, failSoon } from './child.ts'
import { groupVariable } from './guard.ts'
import { quote } from './quote.ts'
import { stage } from './script-input.ts'
import type { Command, Spawn } from './shell.ts'
import { unreachable } from './ssh-connect.ts'
import type { Lease, SshLinks } from './ssh-links.ts'
import { addressOf, type SshOptions } from './ssh-target.ts'

const noiseBytes = 64 * 1024

/**
 * Commands in channels of an SSH connection. What sshd is asked to run is always the same line, which every login shell reads
 * alike; the script comes through stdin, so it has no length limit and no trace in the process list. Both outputs begin with the
 * link's mark: what a login script printed before is dropped, and stderr's mark brings the number of the process group to signal.
 */
export function createSshSpawn(links: SshLinks, options: SshOptions): Spawn {
  const line = (mark: string) =>
    `exec ${options.sudo ? 'sudo -n -- ' : ''}bash --noprofile --norc -c '${bootstrap}' bash ${mark}`

  return (command) => {
    const stdin = new PassThrough()
    const group = createGroupSignal(line('kedge-signal'))
    let lease: Lease | undefined
    const control = createChild({
      stdin,
      signals: command.signals,
      signalGroup(signal) {
        // Nothing has been sent yet, so there is nothing to wait for.
        if (lease) group.send(signal)
        else control.exit(null, signal)
        if (!lease) for (const outlet of [control.stdout, control.stderr]) outlet.end()
      },
      groupEnd: group.end,
      abandon: () => lease?.channel.destroy(),
    })
    const stopped = command.signals.find((signal) => signal?.aborted)
    if (stopped) failSoon(control, stopped.reason)
    else {
      links.exec(line).then(
        (opened) => {
          if (control.isSettled()) return discard(opened)
          lease = opened
          attach(opened, control, { command, options, onGroup: (number) => group.found(opened, number) })
        },
        (error) => control.fail(error),
      )
    }
    return control.child
  }
}

// No quote, backslash or exclamation mark: fish and csh read single quotes in their own ways. The fifth field of `stat` is the
// process group, which under sudo need not be the number of this shell.
const bootstrap = [
  'read -r _ _ _ _ group _ < /proc/$$/stat',
  'echo "$1 $group" >&2',
  'echo "$1"',
  `export ${groupVariable}=$1$group`,
  'shift',
  'unset group',
  'PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'IFS= read -r -d "" REPLY',
  'eval "$REPLY"',
].join('; ')

/** Nobody waits for this command any more: it has got no script and ends with its input. */
function discard({ channel }: Lease): void {
  // Unread, the channel would never count as closed.
  channel.resume()
  channel.stderr.resume()
  channel.close()
}

type Attachment = {
  readonly command: Command
  readonly options: SshOptions
  readonly onGroup: (number: number) => void
}

function attach(lease: Lease, control: ChildControl, { command, options, onGroup }: Attachment): void {
  const { channel, mark } = lease
  let started = false
  const noise = { stderr: '' }
  control.stdout.attach(
    channel,
    afterMark(mark, () => {}),
  )
  control.stderr.attach(
    channel.stderr,
    afterMark(
      mark,
      (rest) => {
        started = true
        onGroup(Number(rest))
      },
      (text) => {
        noise.stderr = text
      },
    ),
  )
  lease.end.then((ended) => {
    const lost = lease.lostBecause()
    if (started && ended) control.exit(ended.code, ended.signal)
    else if (ended) control.fail(explainStart(ended.code, noise.stderr, options))
    else
      control.fail(
        unreachable(options.target, `the connection was lost while a command ran: ${lost ?? 'the channel was closed'}`),
      )
  })
  const { child } = control
  const staged = stage(command, setting(command))
  channel.write(Buffer.concat([Buffer.from(`${staged.script}\0`), staged.input]))
  ;(child.stdin as PassThrough).pipe(channel)
}

/** The folder and the variables that a command runs with. */
function setting({ cwd, env }: Command): string {
  const variables = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}; `)
  const folder = cwd === undefined ? '' : `cd -- ${quote(cwd)} || exit; `
  return `unset REPLY; ${variables.join('')}${folder}`
}

/** Drops everything up to the line that begins with the mark and hands over the rest of that line. */
function afterMark(mark: string, onMark: (rest: string) => void, onNoise?: (text: string) => void) {
  let held: Buffer | undefined = Buffer.alloc(0)
  return (chunk: Buffer): Buffer => {
    if (!held) return chunk
    held = Buffer.concat([held, chunk])
    const start = held.indexOf(mark)
    const end = start < 0 ? -1 : held.indexOf('\n', start)
    if (end < 0) {
      if (held.length > noiseBytes) held = held.subarray(-noiseBytes)
      onNoise?.(held.toString('utf8'))
      return Buffer.alloc(0)
    }
    const rest = held.toString('utf8', start + mark.length, end).trim()
    const output = held.subarray(end + 1)
    held = undefined
    onMark(rest)
    return output
  }
}

/** Signals a remote process group over a channel of its own, as soon as the group's number is known. */
function createGroupSignal(line: string) {
  let target: { lease: Lease; number: number } | undefined
  let wanted: NodeJS.Signals | undefined
  const send = (signal: NodeJS.Signals) => {
    if (!target) {
      wanted = signal
      return
    }
    void tell(target.lease, `kill -${signal.slice(3)} -- -${target.number}`)
  }
  /** Runs a script beside the command. Resolves when it has ended, or cannot be run. */
  const tell = (lease: Lease, script: string) =>
    new Promise<void>((resolve) => {
      const tryIt = (attempt: number) => {
        if (lease.lostBecause() !== undefined) return resolve()
        lease.client.exec(line, (error, channel: ClientChannel) => {
          // All spare sessions are busy ending other commands.
          if (error && attempt < 50) setTimeout(tryIt, 100, attempt + 1)
          else if (error) resolve()
          if (error) return
          channel.resume()
          channel.stderr.resume()
          channel.on('error', () => {})
          channel.once('close', () => resolve())
          channel.end(`${script}\0`)
        })
      }
      tryIt(1)
    })
  return {
    send,
    end: async () => {
      if (target) await tell(target.lease, untilGroupEnds(target.number))
    },
    found(lease: Lease, number: number) {
      if (!Number.isInteger(number) || number <= 1) return
      target = { lease, number }
      lease.end.then(() => lease.tellEnd(number))
      if (wanted) send(wanted)
    },
  }
}

/** Ends by itself after some 10 s. A process that has ended counts until somebody asks how, and must not be waited for. */
const untilGroupEnds = (group: number): string =>
  [
    `lives() { local stat; kill -0 -- -${group} || return 1`,
    `for stat in /proc/[0-9]*/stat; do read -r stat < $stat || continue; set -- \${stat##*) }`,
    `if [ "$3" = ${group} ] && [ "$1" != Z ]; then return 0; fi; done; return 1; }`,
    'for ((turn = 0; turn < 200; turn++)); do lives || break; sleep 0.05; done',
  ].join('\n')

function explainStart(code: number | null, stderr: string, options: SshOptions): TaskError {
  const where = `${options.name} (${addressOf(options.target)})`
  const said = stderr.trim().split('\n').at(-1) ?? ''
  if (/^sudo: /m.test(stderr) && /password|terminal|askpass/i.test(stderr)) {
    return new TaskError({
      kind: 'refused',
      message: `${where}: sudo asks ${options.target.user} for a password`,
      cure: `Let it run commands without one: echo '${options.target.user} ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/kedge`,
    })
  }
  if (options.sudo && /sudo/.test(stderr) && /not found|No such file|not in the sudoers|not allowed/i.test(stderr)) {
    return new TaskError({
      kind: 'refused',
      message: `${where}: ${options.target.user} cannot become root: ${said}`,
      cure: `Log in as root, or let ${options.target.user} use sudo without a password`,
    })
  }
  if (/bash/.test(stderr) && /not found|No such file|unknown command/i.test(stderr)) {
    return new TaskError({
      kind: 'refused',
      message: `${where}: bash is missing`,
      cure: 'Install the package bash there',
    })
  }
  return new TaskError({
    kind: 'refused',
    message: `${where}: no shell could be started (exit code ${code})${said ? `: ${said}` : ''}`,
  })
}
