import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

type Message = {
  readonly id?: number
  readonly method?: string
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: unknown
}
type Diagnostic = { readonly message: string; readonly range: { readonly start: { readonly line: number } } }

const program = join(import.meta.dir, '../../node_modules/yaml-language-server/bin/yaml-language-server')
const settings = {
  yaml: { validate: true, hover: true, completion: true, schemaStore: { enable: false } },
  http: {},
  editor: {},
}

/** The real language server, as an editor starts it; files in `folder` are opened as they are typed. End it with `close`. */
export async function startLanguageServer(folder: string) {
  const child = Bun.spawn([process.execPath, program, '--stdio'], { stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' })
  const answers = new Map<number, (message: Message) => void>()
  const diagnosed = new Map<string, (diagnostics: readonly Diagnostic[]) => void>()
  let lastId = 0

  const send = (message: object) => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message })
    child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
    child.stdin.flush()
  }
  const ask = async (method: string, params: unknown): Promise<unknown> => {
    const id = ++lastId
    const { promise, resolve } = Promise.withResolvers<Message>()
    answers.set(id, resolve)
    send({ id, method, params })
    const { result, error } = await promise
    if (error) throw new Error(`${method}: ${JSON.stringify(error)}`)
    return result
  }
  const receive = (message: Message) => {
    if (message.method === undefined) answers.get(message.id ?? 0)?.(message)
    else if (message.method === 'textDocument/publishDiagnostics') {
      const { uri, diagnostics } = message.params as { uri: string; diagnostics: Diagnostic[] }
      diagnosed.get(uri)?.(diagnostics)
    } else if (message.id !== undefined) {
      // It asks for its settings as it goes, section by section.
      const { items = [] } = (message.params ?? {}) as { items?: { section: string }[] }
      const result = items.map(({ section }) => settings[section as keyof typeof settings] ?? null)
      send({ id: message.id, result: message.method === 'workspace/configuration' ? result : null })
    }
  }
  void read(child.stdout, receive)

  await ask('initialize', {
    processId: process.pid,
    rootUri: pathToFileURL(folder).href,
    capabilities: {
      textDocument: {
        completion: { completionItem: { snippetSupport: true, documentationFormat: ['markdown'] } },
        hover: { contentFormat: ['markdown'] },
        publishDiagnostics: {},
      },
      workspace: { configuration: true },
    },
  })
  send({ method: 'initialized', params: {} })

  let opened = 0
  /** A new file with this text, and where `▮` stands in it. */
  const open = (text: string) => {
    const before = (text.split('▮')[0] ?? '').split('\n')
    const uri = pathToFileURL(join(folder, `lab-${++opened}.yaml`)).href
    const { promise, resolve } = Promise.withResolvers<readonly Diagnostic[]>()
    diagnosed.set(uri, resolve)
    const document = { uri, languageId: 'yaml', version: 1, text: text.replace('▮', '') }
    send({ method: 'textDocument/didOpen', params: { textDocument: document } })
    const position = { line: before.length - 1, character: before.at(-1)?.length ?? 0 }
    return { at: { textDocument: { uri }, position }, diagnostics: promise }
  }
  return {
    /** What the editor offers at `▮`, by its label. */
    async completion(text: string): Promise<readonly string[]> {
      const found = (await ask('textDocument/completion', open(text).at)) as { items: readonly { label: string }[] }
      return found.items.map(({ label }) => label)
    },
    /** What the editor shows for the word at `▮`, in Markdown. */
    async hover(text: string): Promise<string> {
      const found = (await ask('textDocument/hover', open(text).at)) as { contents: { value: string } } | null
      return found?.contents.value ?? ''
    },
    /** What the editor underlines: `line: message`, lines from 1. */
    async diagnostics(text: string): Promise<readonly string[]> {
      return (await open(text).diagnostics).map(({ message, range }) => `${range.start.line + 1}: ${message}`)
    },
    async close() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

/** Messages stand one after another, each behind its length in bytes. */
async function read(stream: ReadableStream<Uint8Array>, receive: (message: Message) => void): Promise<void> {
  let buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    buffer = Buffer.concat([buffer, chunk])
    for (;;) {
      const end = buffer.indexOf('\r\n\r\n')
      const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, Math.max(0, end)).toString())?.[1])
      if (end < 0 || buffer.length < end + 4 + length) break
      receive(JSON.parse(buffer.subarray(end + 4, end + 4 + length).toString()) as Message)
      buffer = buffer.subarray(end + 4 + length)
    }
  }
}
