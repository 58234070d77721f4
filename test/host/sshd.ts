import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '../../lib/host/keys.ts'
import type { SshTarget } from '../../lib/host/ssh-target.ts'
import { pinned } from '../../lib/host/verify-host-keys.ts'
import { freePort } from '../loopback.ts'

export type Sshd = {
  readonly port: number
  readonly pid: number
  /** `ssh-ed25519 AAAA…` */
  readonly hostKeyLine: string
  /** Path of a private key that may log in as any user. */
  readonly keyPath: string
  readonly folder: string
  /** Ready for sshConnection, with the host key pinned; by default for the user who runs the test. */
  target(user?: string): SshTarget
  /** What sshd has logged so far. */
  log(): string
  /** Numbers of the processes that serve connections. */
  sessions(): number[]
  /** Cuts every connection, as a crash of the machine would. */
  cutConnections(): void
  stop(): Promise<void>
}

/** Where OpenSSH's sshd is on this machine, if it is. */
export const sshdPath = ['/usr/sbin/sshd', '/usr/bin/sshd', '/usr/lib/ssh/sshd'].find((path) => existsSync(path))

/**
 * OpenSSH's own sshd on a free port of 127.0.0.1, with its own configuration, host key and user key in a temporary folder. Other users
 * than one's own can log in only where root runs the test. `config` are further lines of sshd_config.
 */
export async function startSshd({ config = [] }: { config?: readonly string[] } = {}): Promise<Sshd> {
  if (!sshdPath) throw new Error('OpenSSH’s sshd is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'kedge-sshd-'))
  chmodSync(folder, 0o755)
  const hostPair = generateKeyPair('host')
  const userPair = generateKeyPair('user')
  const keyPath = join(folder, 'user')
  const logPath = join(folder, 'log')
  writeFileSync(join(folder, 'host'), hostPair.privateKey, { mode: 0o600 })
  writeFileSync(keyPath, userPair.privateKey, { mode: 0o600 })
  writeFileSync(join(folder, 'authorized'), `${userPair.publicLine}\n`, { mode: 0o644 })
  writeFileSync(logPath, '')
  const port = await freePort()
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(folder, 'host')}`,
    `AuthorizedKeysFile ${join(folder, 'authorized')}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin yes',
    'LogLevel VERBOSE',
    // What the user's .bashrc does, and how long that takes, is not under test; bash reads none at this depth.
    'SetEnv SHLVL=2',
    ...config,
  ]
  writeFileSync(join(folder, 'config'), `${lines.join('\n')}\n`)
  // A folder of sshd's own that Debian's service makes at its start.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const child = spawn(sshdPath, ['-D', '-f', join(folder, 'config'), '-E', logPath], {
    stdio: 'ignore',
    detached: true,
  })
  const pid = child.pid
  if (pid === undefined) throw new Error('sshd did not start')
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const log = () => readFileSync(logPath, 'utf8')
  await untilListening(port, () => child.exitCode === null, log)

  const sessions = () => descendantsOf(pid).filter((each) => commandName(each).startsWith('sshd'))
  const cutConnections = () => {
    for (const each of sessions()) endProcess(each)
  }
  return {
    port,
    pid,
    hostKeyLine: hostPair.publicLine,
    keyPath,
    folder,
    target: (user = ownName()) => ({
      host: '127.0.0.1',
      port,
      user,
      key: keyPath,
      hostKeys: pinned(hostPair.publicLine),
    }),
    log,
    sessions,
    cutConnections,
    async stop() {
      cutConnections()
      endProcess(pid)
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

// Bun's userInfo() knows only what the environment says.
function ownName(): string {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => Number(each.split(':')[2]) === userInfo().uid)
  return line?.split(':')[0] ?? userInfo().username
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

async function untilListening(port: number, isAlive: () => boolean, log: () => string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (!isAlive()) break
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (isOpen) return
    await Bun.sleep(10)
  }
  throw new Error(`sshd does not listen: ${log()}`)
}

function descendantsOf(root: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    const parent = Number.isInteger(pid) ? parentOf(pid) : undefined
    if (parent !== undefined) parents.set(pid, parent)
  }
  const found: number[] = []
  for (const pid of parents.keys()) {
    for (let each = parents.get(pid); each !== undefined && each > 1; each = parents.get(each)) {
      if (each === root) {
        found.push(pid)
        break
      }
    }
  }
  return found
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}

function commandName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}
