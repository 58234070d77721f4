import type { Duplex } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import { dismissal, guardScript, marksOfKilled, newMark, sweptLine } from './guard.ts'
import { connectSsh, unreachable } from './ssh-connect.ts'
import type { SshOptions, SshTarget } from './ssh-target.ts'

/** sshd allows ten sessions a connection: one is the guard's, and one stays free for what ends commands. */
const channelsPerLink = 8
const openAttempts = 20
const openPauseMilliseconds = 100

type Link = {
  readonly client: Promise<Client>
  used: number
  /** Falls where the server allows fewer sessions than usual. */
  limit: number
  isLost: boolean
  lostBecause: string
  /** Its commands carry it, so that the guard finds them. */
  readonly mark: string
  guard?: Guard | 'none'
}

type Guard = {
  /** Settles when nothing of earlier links runs on the machine any more. */
  readonly ready: Promise<void>
  dismiss(): void
}

/** A channel that runs one command, and what its owner needs to know of the connection below. */
export type Lease = {
  readonly channel: ClientChannel
  readonly client: Client
  readonly mark: string
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
    }
    links.add(link)
    connect(link).then(opened.resolve, (error) => {
      links.delete(link)
      opened.reject(error)
    })
    return link
  }

  const execOn = (client: Client, command: string) =>
    new Promise<ClientChannel>((resolve, reject) => {
      client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel)))
    })

  /** Asked for before the first command, so that sshd starts it first; waited for only where there is something to end. */
  const startGuard = (link: Link, client: Client, command: (mark: string) => string): Guard => {
    const before = [...leftovers]
    const { promise, resolve } = Promise.withResolvers<void>()
    let dismissed = false
    let channel: ClientChannel | undefined
    client.once('close', () => resolve())
    client.exec(command('kedge-guard'), (error, opened) => {
      if (error) return resolve()
      channel = opened
      let said = ''
      opened.on('data', (chunk: Buffer) => {
        said += chunk.toString('latin1')
        if (!said.includes(sweptLine)) return
        for (const mark of before) leftovers.delete(mark)
        resolve()
      })
      opened.stderr.resume()
      opened.on('error', () => {})
      opened.once('close', () => resolve())
      opened.write(`${guardScript(link.mark, before)}\0`)
      if (dismissed) opened.end(dismissal)
    })
    const dismiss = () => {
      dismissed = true
      channel?.end(dismissal)
    }
    return { ready: before.length > 0 ? promise : Promise.resolve(), dismiss }
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
          link.guard ??= startGuard(link, client, command)
          if (link.guard !== 'none') await link.guard.ready
          const channel = await execOn(client, command(link.mark))
          channel.once('close', give)
          return { channel, client, mark: link.mark, lostBecause: () => (link.isLost ? link.lostBecause : undefined) }
        } catch (error) {
          give()
          const { message } = error as Error
          const isFull = /open fail/i.test(message)
          const isGone = link.isLost || /not connected|no response/i.test(message)
          if (isFull && link.used === 0 && link.guard && link.guard !== 'none') {
            // A server that allows one session only.
            link.guard.dismiss()
            link.guard = 'none'
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
        if (link.guard !== 'none') link.guard?.dismiss()
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
