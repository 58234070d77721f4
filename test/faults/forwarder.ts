import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '../loopback.ts'

/** A port of 127.0.0.1 that leads to another one, until it does not. */
export type Forwarder = {
  readonly port: number
  /** Bytes vanish in both directions and no connection is closed: as behind a pulled cable. */
  swallow(): void
  /** For new connections; what stalled stays stalled. */
  pass(): void
  /** Closes the port and everything that goes through it. */
  refuse(): Promise<void>
  listen(): Promise<void>
  stop(): Promise<void>
  /** Bytes that went to where it leads, of all connections. */
  passedBytes: number
  /** When so many have, nothing more does. */
  mostBytes: number
}

export async function startForwarder(to: number): Promise<Forwarder> {
  const sockets = new Set<Socket>()
  let isSwallowing = false
  const serve = (socket: Socket) => {
    const far = connect(to, '127.0.0.1')
    // A pair that has once stalled stays so: what it lost cannot be made up for.
    let isStalled = false
    const relay = (from: Socket, into: Socket) => {
      sockets.add(from)
      from.on('data', (chunk) => {
        isStalled ||= isSwallowing
        if (isStalled) return
        const passed = into === far ? chunk.subarray(0, forwarder.mostBytes - forwarder.passedBytes) : chunk
        if (into === far) forwarder.passedBytes += passed.length
        isStalled = passed.length < chunk.length
        into.write(passed)
      })
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        if (!isStalled && !isSwallowing) into.destroy()
      })
    }
    relay(socket, far)
    relay(far, socket)
  }
  let server: Server | undefined
  // Of its own also while it is closed.
  const port = await freePort()
  const listen = async () => {
    const opened = createServer(serve)
    server = opened
    await new Promise<void>((resolve, reject) => {
      opened.once('error', reject)
      opened.listen(port, '127.0.0.1', resolve)
    })
  }
  const refuse = async () => {
    const closed = new Promise<void>((resolve) => (server?.listening ? server.close(() => resolve()) : resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  await listen()
  const forwarder = {
    port,
    passedBytes: 0,
    mostBytes: Number.POSITIVE_INFINITY,
    swallow() {
      isSwallowing = true
    },
    pass() {
      isSwallowing = false
    },
    refuse,
    listen,
    stop: refuse,
  }
  return forwarder
}
