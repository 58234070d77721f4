import type { Client } from 'ssh2'
import { TaskError } from '../event/failure.ts'
import type { Listening, OnStream } from './host.ts'
import { connectSsh } from './ssh-connect.ts'
import { createSshLinks } from './ssh-links.ts'
import { addressOf, type SshOptions } from './ssh-target.ts'

const pauseMilliseconds = 1000

/**
 * Listens on a port of the remote machine's 127.0.0.1, over a connection of its own. One that is lost is made anew, with the same
 * port, for as long as nobody closes it; who connects meanwhile is refused. Throws TaskError: refused where sshd forwards nothing.
 */
export async function listenOverSsh(options: SshOptions, onStream: OnStream): Promise<Listening> {
  const { target } = options
  const jump = target.jump ? createSshLinks(target.jump, options) : undefined
  let isClosed = false
  let current: Client | undefined

  const open = async (wanted: number): Promise<number> => {
    const through = await jump?.openStream(target.host, target.port)
    const client = await connectSsh(target, options, through)
    client.on('tcp connection', (info, accept) => {
      const stream = accept()
      stream.on('error', () => {})
      onStream(stream, info.srcPort)
    })
    const port = await forward(client, wanted, options).catch((error) => {
      client.end()
      throw error
    })
    current = client
    client.once('close', () => {
      through?.destroy()
      if (!isClosed) void again(port)
    })
    if (isClosed) client.end()
    return port
  }

  const again = async (port: number): Promise<void> => {
    while (!isClosed) {
      await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds))
      // The port may still be held for the lost connection; what else is wrong, the next command says.
      const opened = await open(port).catch(() => undefined)
      if (opened !== undefined) return
    }
  }

  const close = () => {
    isClosed = true
    current?.end()
    jump?.close()
  }
  try {
    return { port: await open(0), close }
  } catch (error) {
    close()
    throw error
  }
}

function forward(client: Client, port: number, { name, target }: SshOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    client.once('close', () => reject(new Error('the connection was closed')))
    client.forwardIn('127.0.0.1', port, (error, bound) => {
      // For a port that was asked for, the answer names none.
      if (!error) return resolve(port === 0 ? bound : port)
      reject(
        new TaskError({
          kind: 'refused',
          message: `${name} (${addressOf(target)}): sshd opens no port there for kedge: ${error.message}`,
          cure: 'allow it in its sshd_config: AllowTcpForwarding yes',
        }),
      )
    })
  })
}
