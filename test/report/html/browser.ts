import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A page in a headless Chromium, driven over the DevTools protocol: clicks and keys arrive as from a person. */
export type Page = {
  open(path: string): Promise<void>
  /** What the expression gives in the page, by value. */
  evaluate<T>(expression: string): Promise<T>
  /** Until it gives something true. */
  until(expression: string): Promise<void>
  /** In the middle of the first element that matches. */
  click(selector: string): Promise<void>
  /** `Enter`, `Tab`, `ArrowDown`, or a character. */
  press(key: string, modifiers?: { readonly shift?: boolean }): Promise<void>
  prefersDark(isDark: boolean): Promise<void>
  printed(isPrinted: boolean): Promise<void>
  resize(width: number, height: number): Promise<void>
  /** PNG of what is seen, or of the whole page. */
  screenshot(options?: { readonly whole?: boolean }): Promise<Buffer>
  pdf(): Promise<Buffer>
  /** Role and name as a screen reader has them. */
  accessible(selector: string): Promise<{ readonly role: string; readonly name: string }>
  /** Errors and warnings of the console, exceptions, and breaches of the page's policy; whoever expects one takes it out. */
  readonly complaints: string[]
  /** Every address that was asked for. */
  readonly requests: readonly string[]
  close(): Promise<void>
}

type Parameters = Readonly<Record<string, unknown>>
type Message = {
  readonly id?: number
  readonly method?: string
  readonly params?: Parameters
  readonly result?: Parameters
  readonly error?: { readonly message: string }
  readonly sessionId?: string
}

export async function openBrowser(width = 1280, height = 900): Promise<Page> {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-browser-'))
  const child = Bun.spawn(
    [
      'chromium',
      '--headless=new',
      '--no-sandbox',
      '--remote-debugging-port=0',
      '--remote-debugging-address=127.0.0.1',
      `--user-data-dir=${folder}`,
      '--no-first-run',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-extensions',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Nothing but this machine may be found, whatever the browser itself would like to ask.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      'about:blank',
    ],
    { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', env: { ...process.env, HOME: folder } },
  )
  const close = async () => {
    child.kill('SIGKILL')
    await child.exited
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
  try {
    return await pageOf(await connected(await addressIn(child.stderr)), { width, height }, close)
  } catch (error) {
    await close()
    throw error
  }
}

/** Chromium says where it listens, and is then read on so that it never waits for its reader. */
async function addressIn(stream: ReadableStream<Uint8Array>): Promise<string> {
  const found = Promise.withResolvers<string>()
  ;(async () => {
    let text = ''
    const decoder = new TextDecoder()
    for await (const piece of stream) {
      if (text.length < 100_000) text += decoder.decode(piece, { stream: true })
      const address = /DevTools listening on (ws:\/\/127\.0\.0\.1:\S+)/.exec(text)?.[1]
      if (address) found.resolve(address)
    }
    found.reject(new Error(`chromium ended: ${text}`))
  })()
  return await found.promise
}

async function connected(address: string): Promise<WebSocket> {
  const socket = new WebSocket(address)
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = () => reject(new Error(`no connection to ${address}`))
  })
  return socket
}

async function pageOf(
  socket: WebSocket,
  size: { readonly width: number; readonly height: number },
  close: () => Promise<void>,
): Promise<Page> {
  const pending = new Map<number, PromiseWithResolvers<Parameters>>()
  const complaints: string[] = []
  const requests: string[] = []
  const loads: (() => void)[] = []
  let sent = 0
  let sessionId: string | undefined

  const send = (method: string, params: Parameters = {}): Promise<Parameters> => {
    const answer = Promise.withResolvers<Parameters>()
    sent += 1
    pending.set(sent, answer)
    socket.send(JSON.stringify({ id: sent, method, params, ...(sessionId ? { sessionId } : {}) }))
    return answer.promise
  }
  socket.onmessage = ({ data }) => {
    const { id, method, params = {}, result, error } = JSON.parse(String(data)) as Message
    if (id !== undefined) {
      const answer = pending.get(id)
      pending.delete(id)
      if (error) answer?.reject(new Error(error.message))
      else answer?.resolve(result ?? {})
    } else if (method === 'Page.loadEventFired') for (const loaded of loads.splice(0)) loaded()
    else if (method === 'Network.requestWillBeSent') requests.push((params.request as { url: string }).url)
    else if (method === 'Log.entryAdded') complaints.push((params.entry as { text: string }).text)
    else if (method === 'Runtime.exceptionThrown') complaints.push(JSON.stringify(params.exceptionDetails))
    else if (method === 'Runtime.consoleAPICalled') complaints.push(JSON.stringify(params.args))
  }
  socket.onclose = () => {
    for (const answer of pending.values()) answer.reject(new Error('chromium has gone'))
  }

  const { targetId } = await send('Target.createTarget', { url: 'about:blank' })
  sessionId = (await send('Target.attachToTarget', { targetId, flatten: true })).sessionId as string
  for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'DOM', 'Accessibility']) await send(`${domain}.enable`)

  const evaluate = async <T>(expression: string): Promise<T> => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails))
    return (result as { value: T }).value
  }
  const resize = async (width: number, height: number) => {
    await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false })
  }
  const capture = async (method: string, params: Parameters) =>
    Buffer.from((await send(method, params)).data as string, 'base64')
  await resize(size.width, size.height)

  return {
    complaints,
    requests,
    evaluate,
    resize,
    close: async () => {
      socket.close()
      await close()
    },
    async open(path) {
      const loaded = new Promise<void>((resolve) => loads.push(resolve))
      await send('Page.navigate', { url: Bun.pathToFileURL(path).href })
      await loaded
    },
    async until(expression) {
      while (!(await evaluate<boolean>(`Boolean(${expression})`))) await Bun.sleep(20)
    },
    async click(selector) {
      const at = await evaluate<{ x: number; y: number }>(`(() => {
        const found = document.querySelector(${JSON.stringify(selector)})
        found.scrollIntoView({ block: 'center', inline: 'center' })
        const { left, top, width, height } = found.getBoundingClientRect()
        return { x: left + width / 2, y: top + height / 2 }
      })()`)
      const button = { ...at, button: 'left', clickCount: 1 }
      await send('Input.dispatchMouseEvent', { ...at, type: 'mouseMoved' })
      await send('Input.dispatchMouseEvent', { ...button, type: 'mousePressed' })
      await send('Input.dispatchMouseEvent', { ...button, type: 'mouseReleased' })
    },
    async press(key, { shift = false } = {}) {
      const text = key.length === 1 ? key : key === 'Enter' ? '\r' : undefined
      const code = keyCodes[key] ?? key.toUpperCase().charCodeAt(0)
      const about = { key, windowsVirtualKeyCode: code, modifiers: shift ? 8 : 0, ...(text ? { text } : {}) }
      await send('Input.dispatchKeyEvent', { ...about, type: text ? 'keyDown' : 'rawKeyDown' })
      await send('Input.dispatchKeyEvent', { ...about, type: 'keyUp' })
    },
    prefersDark: async (isDark) => {
      const features = [{ name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light' }]
      await send('Emulation.setEmulatedMedia', { features })
    },
    printed: async (isPrinted) => {
      await send('Emulation.setEmulatedMedia', { media: isPrinted ? 'print' : '' })
    },
    screenshot: ({ whole = false } = {}) =>
      capture('Page.captureScreenshot', { format: 'png', captureBeyondViewport: whole }),
    pdf: () => capture('Page.printToPDF', { preferCSSPageSize: true, printBackground: true }),
    async accessible(selector) {
      const { root } = await send('DOM.getDocument')
      const { nodeId } = await send('DOM.querySelector', { nodeId: (root as { nodeId: number }).nodeId, selector })
      const { nodes } = await send('Accessibility.getPartialAXTree', { nodeId, fetchRelatives: false })
      const [node] = nodes as { role?: { value: string }; name?: { value: string } }[]
      return { role: node?.role?.value ?? '', name: node?.name?.value ?? '' }
    },
  }
}

const keyCodes: Readonly<Record<string, number>> = {
  Tab: 9,
  Enter: 13,
  Escape: 27,
  End: 35,
  Home: 36,
  ArrowLeft: 37,
  ArrowUp: 38,
  ArrowRight: 39,
  ArrowDown: 40,
}
