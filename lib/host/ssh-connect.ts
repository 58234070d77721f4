import { existsSync, readFileSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import ssh2, { type AuthenticationType, type Client, type ConnectConfig, type ServerHostKeyAlgorithm } from 'ssh2'
import { TaskError } from '../event/failure.ts'
import { takeConnectTurn } from './connect-turns.ts'
import { gatherWrites } from './gather-writes.ts'
import { addressOf, type SshOptions, type SshTarget } from './ssh-target.ts'

/** Opens and logs in; `through` is a stream that a jump host has opened. Throws TaskError: unreachable, or untrusted for host keys. */
export async function connectSsh(target: SshTarget, options: SshOptions, through?: Duplex): Promise<Client> {
  const leave = await takeConnectTurn(`${target.host}:${target.port}`)
  try {
    return await connect(target, options, through)
  } finally {
    leave()
  }
}

function connect(target: SshTarget, options: SshOptions, through: Duplex | undefined): Promise<Client> {
  const { connectTimeoutSeconds = 20 } = options
  const client = new ssh2.Client()
  const { promise, resolve, reject } = Promise.withResolvers<Client>()
  const config = configOf(target, options)
  const socket = through ?? connectSocket({ host: target.host, port: target.port }).setMaxListeners(0)
  let verdictFailure: TaskError | undefined
  const fail = (error: unknown) => {
    clearTimeout(timer)
    reject(verdictFailure ?? (error instanceof TaskError ? error : explain(error, target, options)))
    client.destroy()
    socket.destroy()
  }
  const timer = setTimeout(
    () => fail(unreachable(target, `no answer within ${connectTimeoutSeconds} s`)),
    connectTimeoutSeconds * 1000,
  )
  // Stays for the connection's whole life: an error event that nobody hears would end the program.
  client.on('error', fail)
  client.once('close', () => fail(unreachable(target, 'the connection was closed during the login')))
  client.once('ready', () => {
    clearTimeout(timer)
    resolve(client)
  })
  try {
    client.connect({
      ...config,
      sock: gatherWrites(socket),
      hostVerifier: (key: Buffer) => {
        const verdict = hostKeysOf(target, options).verify(target.host, target.port, key)
        if (!verdict.accepted) {
          verdictFailure = new TaskError({ kind: 'untrusted', message: verdict.message, cure: verdict.cure })
        }
        return verdict.accepted
      },
    })
  } catch (error) {
    fail(error)
  }
  return promise
}

const hostKeysOf = (target: SshTarget, options: SshOptions) => target.hostKeys ?? options.hostKeys

function configOf(target: SshTarget, options: SshOptions): ConnectConfig {
  const { keepaliveSeconds = 15 } = options
  const hostKeyAlgorithms = hostKeysOf(target, options)
    .keyTypes(target.host, target.port)
    ?.flatMap((type) => algorithmsOf(type))
  return {
    host: target.host,
    port: target.port,
    username: target.user,
    authHandler: loginsOf(target, options.agent).map(({ login }) => login) as AuthenticationType[],
    readyTimeout: 0,
    keepaliveInterval: (keepaliveSeconds * 1000) / 3,
    keepaliveCountMax: 3,
    algorithms: {
      // ssh2's chacha20-poly1305 fails under Bun.
      cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes192-ctr', 'aes256-ctr'],
      serverHostKey: hostKeyAlgorithms?.length ? hostKeyAlgorithms : everyAlgorithm,
    },
  }
}

const ecdsa: ServerHostKeyAlgorithm[] = ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521']
const rsa: ServerHostKeyAlgorithm[] = ['rsa-sha2-512', 'rsa-sha2-256']
const everyAlgorithm: ServerHostKeyAlgorithm[] = ['ssh-ed25519', ...ecdsa, ...rsa]
const algorithmsOf = (type: string): ServerHostKeyAlgorithm[] =>
  type === 'ssh-rsa' ? rsa : everyAlgorithm.filter((algorithm) => algorithm === type)

/** The logins that are tried, in this order, each with what it is called in a message. */
function loginsOf(target: SshTarget, agent: string | undefined): readonly { name: string; login: unknown }[] {
  const username = target.user
  const publickey = (name: string, key: string) => ({ name, login: { type: 'publickey', username, key } })
  if (target.privateKey !== undefined) return [publickey('kedge’s key', target.privateKey)]
  if (target.key !== undefined) return [publickey(`the key ${target.key}`, readKey(target.key))]
  const usual = ['id_ed25519', 'id_ecdsa', 'id_rsa'].flatMap((name) => {
    const path = join(homedir(), '.ssh', name)
    return existsSync(path) ? [publickey(`the key ~/.ssh/${name}`, readFileSync(path, 'utf8'))] : []
  })
  return [...(agent === undefined ? [] : [{ name: 'the agent', login: { type: 'agent', username, agent } }]), ...usual]
}

function readKey(path: string): string {
  const absolute = path.startsWith('~/') ? join(homedir(), path.slice(2)) : path
  let text: string
  try {
    text = readFileSync(absolute, 'utf8')
  } catch (error) {
    throw new TaskError({ kind: 'refused', message: `The key ${path} cannot be read: ${(error as Error).message}` })
  }
  const parsed = ssh2.utils.parseKey(text)
  if (!(parsed instanceof Error)) return text
  throw new TaskError({
    kind: 'refused',
    message: `The key ${path} cannot be used: ${parsed.message}`,
    cure: /passphrase|encrypted/i.test(parsed.message)
      ? `Give it to an agent (ssh-add ${path}) and leave \`key\` out`
      : 'Name an OpenSSH private key',
  })
}

export function unreachable(target: SshTarget, what: string): TaskError {
  return new TaskError({ kind: 'unreachable', message: `${addressOf(target)}: ${what}` })
}

/** The host is there and says no: it will say so again. A VM that is booting may change its mind, and is waited for elsewhere. */
function loginRefused(target: SshTarget, { agent }: SshOptions): TaskError {
  const { host, port, user, key, privateKey } = target
  const tried = loginsOf(target, agent).map(({ name }) => name)
  const withWhat = tried.length > 0 ? `with ${tried.join(', ')}` : 'as there is neither a key nor an agent to try'
  const words = ['ssh', ...(key ? ['-i', key] : []), '-p', String(port), `${user}@${host}`].join(' ')
  return new TaskError({
    kind: 'unreachable',
    isFinal: true,
    message: `${addressOf(target)}: the login was refused ${withWhat}`,
    ...(privateKey === undefined ? { cure: `see that this logs in without a password: ${words}` } : {}),
  })
}

function explain(error: unknown, target: SshTarget, options: SshOptions): TaskError {
  const { message = String(error), level, code } = error as Error & { level?: string; code?: string }
  if (level === 'client-authentication') return loginRefused(target, options)
  if (/no matching.*host key/i.test(message)) {
    const types = hostKeysOf(target, options).keyTypes(target.host, target.port)?.join(', ')
    return new TaskError({
      kind: 'untrusted',
      message: `${addressOf(target)} has no host key of a type that is on record for it (${types ?? 'none'})`,
      cure: 'If the machine was set up anew, forget its old keys with ssh-keygen -R',
    })
  }
  const known: Record<string, string> = {
    ECONNREFUSED: 'nothing listens on this port',
    EHOSTUNREACH: 'no route to this address',
    ENETUNREACH: 'no route to this network',
    ENOTFOUND: 'this name is not known',
    ECONNRESET: 'the connection was reset',
    ETIMEDOUT: 'no answer',
  }
  return unreachable(target, known[code ?? ''] ?? message)
}
