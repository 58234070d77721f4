import type { Duplex } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import { marksOfKilled, newMark } from './guard.ts'
import { connectSsh, unreachable } from './ssh-connect.ts'
import { type SshGuard, startSshGuard } from './ssh-guard.ts'
import type { SshOptions, SshTarget } from './ssh-target.ts'

/** sshd allows ten sessions a connection: one is the guard's, and one stays free for what ends commands. */
const channelsPerLink = 8
const openAttempts = 20
const openPauseMilliseconds = 100
const missesAllowed = 2

type Link = {
  readonly client: Promise<Client>
  used: number
  /** Falls where the server allows fewer sessions than usual. */
  limit: number
  isLost: boolean
  lostBecause: string
  /** Its commands carry it, so that the guard finds them. */
  readonly mark: string
  guard?: SshGuard
  /** Some command was started on it. */
  hasRun: boolean
}

/** How the program in a channel ended, as sshd says it. */
export type ChannelEnd = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

/** A channel that runs one command, and what its owner needs to know of the connection below. */
export type Lease = {
  readonly channel: ClientChannel
  readonly client: Client
  readonly mark: string
  /** Resolves when the channel is closed and read; with nothing where it was closed before the program's end was told. */
  readonly end: Promise<ChannelEnd | undefined>
  /** Tells the machine's guard that the command has ended, by the number of its process group. */
  tellEnd(group: number): void
  /** Why the connection was lost, if it was. */
  lostBecause(): string | undefined
}

export type SshLinks = {
  /** Runs a command in a channel, on a connection that has room, opening one where none has. The command is told its mark. */
  exec(command: (mark: string) => string): Promise<Lease>
  /** A stream to an address as the remote machine reaches it. */
  openStream(host: string, port: number): Promise<Duplex>
  close(): void
}

export function createSshLinks(target: SshTarget, options: SshOptions): SshLinks {
  const links = new Set<Link>()
  /** Marks of what may still run there, beside what will be started now. */
  const leftovers = new Set(marksOfKilled())
  /** Guarded connections in a row that were of no use to their first command. */
  let missed = 0
  const jump = target.jump ? createSshLinks(target.jump, options) : undefined

  const connect = async (link: Link): Promise<Client> => {
    const through = await jump?.openStream(target.host, target.port)
    const client = await connectSsh(target, options, through)
    client.on('error', (error) => {
      link.lostBecause = /keepalive/i.test(error.message) ? 'the host stopped answering' : error.message
    })
    client.once('close', () => {
      link.isLost = true
      leftovers.add(link.mark)
      links.delete(link)
      through?.destroy()
    })
    return client
  }

  const takeLink = (): Link => {
    for (const link of links) {
      if (link.used < link.limit) {
        link.used += 1
        return link
      }
    }
    const opened = Promise.withResolvers<Client>()
    const link: Link = {
      client: opened.promise,
      used: 1,
      limit: channelsPerLink,
      isLost: false,
      lostBecause: 'the connection was closed',
      mark: newMark(),
      hasRun: false,
    }
    links.add(link)
    connect(link).then(opened.resolve, (error) => {
      links.delete(link)
      opened.reject(error)
    })
    return link
  }

  return {
    async exec(command) {
      for (let attempt = 1; ; attempt++) {
        const link = takeLink()
        const give = () => {
          link.used -= 1
        }
        const client = await link.client.catch((error) => {
          give()
          throw error
        })
        try {
          if (missed < missesAllowed) link.guard ??= startSshGuard(client, command('kedge-guard'), link.mark, leftovers)
          await link.guard?.ready
          const { channel, end } = await openChannel(client, command(link.mark))
          end.then(give)
          link.hasRun = true
          if (link.guard) missed = 0
          return {
            channel,
            client,
            mark: link.mark,
            end,
            tellEnd: (group) => link.guard?.tell(group),
            lostBecause: () => (link.isLost ? link.lostBecause : undefined),
          }
        } catch (error) {
          give()
          const { message } = error as Error
          const isFull = /open fail/i.test(message)
          const isGone = link.isLost || /not connected|no response/i.test(message)
          const wasGuards = link.guard !== undefined && !link.hasRun && link.used === 0
          if (wasGuards) {
            // A server that allows one session only, or takes a second one amiss: another connection, without a guard.
            missed = isGone ? missed + 1 : missesAllowed
            links.delete(link)
            client.end()
            if (attempt < openAttempts) continue
          }
          if (isFull) link.limit = Math.max(1, Math.min(link.limit, link.used))
          // A link that was lost unnoticed: nothing has run on it yet, so another one may take the command.
          if (isGone) links.delete(link)
          if (!(isFull || isGone) || attempt === openAttempts)
            throw unreachable(target, isGone ? link.lostBecause : message)
          if (isFull) await new Promise((resolve) => setTimeout(resolve, openPauseMilliseconds))
        }
      }
    },
    async openStream(host, port) {
      const link = [...links][0] ?? takeLinkUncounted()
      const client = await link.client
      return await new Promise<Duplex>((resolve, reject) => {
        client.forwardOut('127.0.0.1', 0, host, port, (error, stream) =>
          error
            ? reject(
                unreachable({ ...target, host, port }, `${target.host} could not open a way there: ${error.message}`),
              )
            : resolve(stream),
        )
      })
    },
    close() {
      for (const link of links) {
        link.guard?.dismiss()
        link.client.then((client) => client.end()).catch(() => {})
      }
      links.clear()
      jump?.close()
    },
  }

  function takeLinkUncounted(): Link {
    const link = takeLink()
    link.used -= 1
    return link
  }
}

/** Listens before anything else happens: a program that ends at once tells its end in the same packet that says it was started. */
function openChannel(client: Client, command: string) {
  const { promise, resolve, reject } = Promise.withResolvers<Pick<Lease, 'channel' | 'end'>>()
  client.exec(command, (error, channel) => {
    if (error) return reject(error)
    const closed = Promise.withResolvers<ChannelEnd | undefined>()
    let ended: ChannelEnd | undefined
    channel.on('exit', (code: number | null, signal?: string) => {
      ended = { code, signal: (signal as NodeJS.Signals) ?? null }
    })
    channel.once('close', () => closed.resolve(ended))
    channel.on('error', () => {})
    resolve({ channel, end: closed.promise })
  })
  return promise
}
