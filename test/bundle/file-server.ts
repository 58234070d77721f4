import { createHash } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

export type Request = {
  readonly method: string
  /** As it stands in the request line: a proxy sees a whole address here. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
}

export type Reply = {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** The connection ends after so many bytes of the body. */
  readonly cutAt?: number
  /** Nothing more is sent after so many bytes of the body, and the connection stays. */
  readonly stallAt?: number
  /** The size is not told. */
  readonly isChunked?: boolean
}

export type FileServer = {
  readonly url: string
  /** By path. */
  readonly files: Map<string, Uint8Array>
  readonly requests: Request[]
  /** Bytes of bodies that were sent. */
  sentBytes: number
  /** The most transfers that were under way at one moment. */
  mostAtOnce: number
  /** In place of the usual answer, or before it. */
  intercept?: ((request: Request, usual: Reply) => Reply | Promise<Reply>) | undefined
  close(): Promise<void>
}

type Identity = { readonly key: string; readonly cert: string }

/** A web server of files that can do what bad servers and bad lines do. */
export async function serveFiles(identity?: Identity): Promise<FileServer> {
  const sockets = new Set<Socket>()
  const server: FileServer = {
    url: '',
    files: new Map(),
    requests: [],
    sentBytes: 0,
    mostAtOnce: 0,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
  let atOnce = 0
  const onSocket = (socket: Socket) => {
    sockets.add(socket)
    let head = ''
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', async (chunk) => {
      // Who begins with TLS is refused as by any server that has none, and need not wait for it.
      if (chunk[0] === 0x16) return void socket.destroy()
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      const request = parseHead(head)
      head = ''
      server.requests.push(request)
      atOnce += 1
      server.mostAtOnce = Math.max(server.mostAtOnce, atOnce)
      socket.once('close', () => {
        atOnce -= 1
      })
      const usual = usualReply(server.files, request)
      const reply = server.intercept ? await server.intercept(request, usual) : usual
      send(socket, request, reply, (bytes) => {
        server.sentBytes += bytes
      })
    })
  }
  const listener: Server = identity ? createTlsServer(identity, onSocket) : createServer(onSocket)
  const port = await listen(listener)
  return Object.assign(server, { url: `${identity ? 'https' : 'http'}://127.0.0.1:${port}` })
}

export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}

function parseHead(head: string): Request {
  const [first = '', ...lines] = (head.split('\r\n\r\n')[0] ?? '').split('\r\n')
  const [method = '', target = ''] = first.split(' ')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase()
    const value = line.slice(line.indexOf(':') + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  return { method, target, headers }
}

export const pathOf = ({ target }: Request): string =>
  target.startsWith('/') ? target : decodeURI(new URL(target).pathname)

function usualReply(files: FileServer['files'], request: Request): Reply {
  const body = files.get(pathOf(request))
  if (!body) return { status: 404 }
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const isSame = !request.headers['if-range'] || request.headers['if-range'] === etag
  if (from === 0 || !isSame) return { headers: { etag }, body }
  if (from >= body.length) return { status: 416, headers: { 'content-range': `bytes */${body.length}` } }
  const range = `bytes ${from}-${body.length - 1}/${body.length}`
  return { status: 206, headers: { etag, 'content-range': range }, body: body.subarray(from) }
}

function send(socket: Socket, { method }: Request, reply: Reply, onSent: (bytes: number) => void): void {
  const { status = 200, headers = {}, body = new Uint8Array(), cutAt, stallAt, isChunked } = reply
  const length = isChunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.length) }
  const lines = Object.entries({ connection: 'close', ...length, ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  socket.write(`HTTP/1.1 ${status} Whatever\r\n${lines.join('\r\n')}\r\n\r\n`)
  if (method === 'HEAD') return void socket.end()
  const sent = body.subarray(0, cutAt ?? stallAt ?? body.length)
  onSent(sent.length)
  const framed = isChunked
    ? Buffer.concat([Buffer.from(`${sent.length.toString(16)}\r\n`), sent, Buffer.from('\r\n')])
    : sent
  if (stallAt !== undefined) return void socket.write(framed)
  // What is cut must have arrived before: a reset overtakes what is still on its way.
  if (cutAt !== undefined) return void socket.write(framed, () => setTimeout(() => socket.destroy(), 20))
  socket.write(framed)
  socket.end(isChunked ? '0\r\n\r\n' : '')
}

/** Bytes that look like nothing else, the same for the same seed. */
export function madeBytes(sizeBytes: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let state = seed * 2654435761 + 1
  for (let index = 0; index < sizeBytes; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}
