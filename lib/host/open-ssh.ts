import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { TaskError } from '../event/failure.ts'
import { quote } from './quote.ts'
import type { SshTarget } from './ssh-target.ts'

export type SshLogin = {
  readonly target: SshTarget
  /** Path of the private key; without one ssh looks where it always does. */
  readonly keyFile?: string
  /** For a machine whose host key kedge made: that key alone is written to this known_hosts file, and nothing else is trusted. */
  readonly pinned?: { readonly file: string; readonly hostKeyLine: string }
}

/**
 * The words of OpenSSH's client for a login. A command of several words is quoted for the shell at the far end; a single one
 * is a script for it, as OpenSSH itself has it.
 */
export function sshWords({ target, keyFile, pinned }: SshLogin, command: readonly string[]): readonly string[] {
  const { host, port, user, jump } = target
  return [
    '-p',
    String(port),
    ...(keyFile ? ['-i', keyFile, '-o', 'IdentitiesOnly=yes'] : target.key ? ['-i', target.key] : []),
    // ssh would look in the home of the account, kedge looks in $HOME: both shall trust the same keys.
    '-o',
    `UserKnownHostsFile=${optionValue(pinned?.file ?? join(homedir(), '.ssh', 'known_hosts'))}`,
    ...(pinned ? ['-o', 'GlobalKnownHostsFile=/dev/null'] : []),
    '-o',
    'StrictHostKeyChecking=yes',
    ...(jump ? ['-J', `${jump.user}@${jump.host}:${jump.port}`] : []),
    `${user}@${host}`,
    ...(command.length > 0 ? ['--', ...(command.length === 1 ? command : command.map(quote))] : []),
  ]
}

/** One path and no list of several: ssh takes options apart at blanks, and puts other things in the place of `%h`. */
const optionValue = (path: string): string => `"${path.replace(/["\\]/g, '\\$&').replaceAll('%', '%%')}"`

/** A shell, or a command, on the terminal that kedge was started in. Resolves with ssh's exit code. */
export function openSsh(
  login: SshLogin,
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const { pinned, target } = login
  if (pinned) {
    const name = target.port === 22 ? target.host : `[${target.host}]:${target.port}`
    writeFileSync(pinned.file, `${name} ${pinned.hostKeyLine}\n`, { mode: 0o600 })
  }
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('BUN_')))
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', sshWords(login, command), { stdio: 'inherit', env: kept })
    child.on('error', () =>
      reject(
        new TaskError({
          kind: 'refused',
          message: 'there is no ssh on this machine',
          cure: 'install an OpenSSH client',
        }),
      ),
    )
    child.on('exit', (code, signal) => resolve(code ?? (signal ? 130 : 1)))
  })
}
