import { rootCertificates } from 'node:tls'
import { type Failure, TaskError } from '../event/failure.ts'
import { proxyFor, type Variables } from './proxy.ts'

/** How kedge speaks to the servers that have the pieces. */
export type Web = {
  /** Where the proxy variables are read. */
  readonly env: Variables
  /** Further authorities that may vouch for servers, as PEM. */
  readonly ca?: string
  /** A transfer of which nothing arrives for so long has failed. */
  readonly stallSeconds: number
  /** How often a transfer is tried that brings nothing new. */
  readonly attempts: number
  /** Before the second attempt; doubled before each one after. */
  readonly pauseSeconds: number
}

export const defaultWeb = { stallSeconds: 30, attempts: 5, pauseSeconds: 1 } as const

type Request = { readonly method?: 'GET' | 'HEAD'; readonly headers?: Readonly<Record<string, string>> }

/** An answer, and how to say that something of its body has arrived. */
export type Answer = { readonly response: Response; readonly url: string; alive(): void; done(): void }

const mostRedirects = 10

/**
 * One request, through redirects, with no retry. Throws a TaskError of kind `unreachable`, final where waiting cures nothing.
 * Answers with 2xx, and 416 to a request for a range, are returned; call `done` when the body has been read.
 */
export async function ask(url: string, request: Request, web: Web, signal: AbortSignal): Promise<Answer> {
  let at = url
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const answer = await askOnce(at, request, web, signal)
    const { status, headers } = answer.response
    const location = headers.get('location')
    if (status >= 300 && status < 400 && location) {
      answer.done()
      at = redirected(at, location)
      continue
    }
    if (answer.response.ok || (status === 416 && request.headers?.range)) return answer
    answer.done()
    throw statusError(at, status, headers)
  }
  throw notHad(`${url} was redirected ${mostRedirects} times, last to ${at}`, true)
}

async function askOnce(url: string, request: Request, web: Web, signal: AbortSignal): Promise<Answer> {
  signal.throwIfAborted()
  const stop = new AbortController()
  const stalled = () => stop.abort(notHad(`${url}: nothing arrived for ${web.stallSeconds} s`))
  const timer = setTimeout(stalled, web.stallSeconds * 1000)
  const onAbort = () => stop.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const done = () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    // An answer that nobody reads to its end would hold its connection.
    stop.abort()
  }
  const proxy = proxyFor(url, web.env)
  try {
    const response = await fetch(url, {
      method: request.method ?? 'GET',
      redirect: 'manual',
      // What is compressed on the way can neither be resumed nor compared with its size.
      headers: { 'accept-encoding': 'identity', 'user-agent': 'kedge', ...request.headers },
      signal: stop.signal,
      ...(proxy ? { proxy } : {}),
      ...(web.ca ? { tls: { ca: [...rootCertificates, web.ca] } } : {}),
    })
    return { response, url, alive: () => timer.refresh(), done }
  } catch (error) {
    done()
    signal.throwIfAborted()
    throw connectionError(url, error, proxy)
  }
}

function redirected(from: string, location: string): string {
  const to = URL.parse(location, from)
  if (to && (to.protocol === 'http:' || to.protocol === 'https:')) {
    // Whoever can make an https server say so could read and change what follows.
    if (!(from.startsWith('https:') && to.protocol === 'http:')) return to.href
    throw notHad(`${from} redirects to ${to.href}, which is not encrypted`, true)
  }
  throw notHad(`${from} redirects to ${location.slice(0, 200)}, which is no web address`, true)
}

function statusError(url: string, status: number, headers: Headers): TaskError {
  const isPassing = status >= 500 || [408, 425, 429].includes(status)
  const asked = Number(headers.get('retry-after'))
  const error = notHad(`${url}: the server answered ${status}`, !isPassing)
  if (Number.isFinite(asked) && asked > 0) waits.set(error, asked)
  return error
}

/** What servers asked to wait, in seconds, before the next attempt. */
const waits = new WeakMap<TaskError, number>()
const longestWaitSeconds = 60

const untrusted = /CERT|SIGNATURE|ALTNAME|SELF_SIGNED/

/** What cut a connection, before the answer or in the middle of it. */
export function connectionError(url: string, error: unknown, proxy?: string): unknown {
  if (error instanceof TaskError || !(error instanceof Error)) return error
  const { code = '' } = error as NodeJS.ErrnoException
  // Errors of the disk have these as well, and are no server's fault.
  if (['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES'].includes(code)) return error
  const through = proxy ? ` (through ${proxy.replace(/\/\/[^@/]*@/, '//***@')})` : ''
  if (untrusted.test(code))
    return notHad(
      `${url}${through}: its certificate is not trusted (${code})`,
      true,
      'give its authority with --ca FILE',
    )
  const reasons: Record<string, string> = {
    ECONNREFUSED: 'the connection was refused',
    ECONNRESET: 'the connection was cut',
    ENOTFOUND: 'there is no such host',
  }
  return notHad(`${url}${through}: ${reasons[code] ?? error.message}`, code === 'ENOTFOUND')
}

function notHad(message: string, isFinal = false, cure?: string): TaskError {
  const failure: Failure = { kind: 'unreachable', message, ...(isFinal ? { isFinal } : {}), ...(cure ? { cure } : {}) }
  return new TaskError(failure)
}

/**
 * Calls `attempt` until it succeeds, with longer and longer pauses while it fails in ways that may pass. `hasProgressed` says
 * that the attempt which failed brought something new, and then does not count.
 */
export async function withRetries<Result>(
  web: Web,
  signal: AbortSignal,
  attempt: () => Promise<Result>,
  hasProgressed: () => boolean = () => false,
): Promise<Result> {
  for (let fruitless = 1, all = 1; ; all++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof TaskError) || error.failure.kind !== 'unreachable' || error.failure.isFinal) throw error
      fruitless = hasProgressed() ? 1 : fruitless + 1
      if (fruitless > web.attempts || all >= web.attempts * 20) throw error
      const seconds = web.pauseSeconds * 2 ** Math.max(0, fruitless - 2)
      await pause(Math.min(longestWaitSeconds, Math.max(seconds, waits.get(error) ?? 0)), signal)
    }
  }
}

async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, seconds * 1000)
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  clearTimeout(timer)
  signal.throwIfAborted()
}

const longestText = 4 * 1024 * 1024

/** A small text, such as a list of checksums. Throws as `ask` does. */
export async function fetchText(url: string, web: Web, signal: AbortSignal): Promise<string> {
  return await withRetries(web, signal, async () => {
    const answer = await ask(url, {}, web, signal)
    try {
      const chunks: Uint8Array[] = []
      let size = 0
      for await (const chunk of bodyOf(answer)) {
        size += chunk.length
        if (size > longestText) throw notHad(`${url} is larger than a text may be`, true)
        chunks.push(chunk)
      }
      return new TextDecoder().decode(Buffer.concat(chunks))
    } catch (error) {
      signal.throwIfAborted()
      throw connectionError(url, error)
    } finally {
      answer.done()
    }
  })
}

/** The size in bytes that the server gives, or undefined where it gives none. Throws as `ask` does. */
export async function fetchSize(url: string, web: Web, signal: AbortSignal): Promise<number | undefined> {
  const answer = await withRetries(web, signal, () => ask(url, { method: 'HEAD' }, web, signal))
  answer.done()
  const length = answer.response.headers.get('content-length')
  return length !== null && /^\d+$/.test(length) ? Number(length) : undefined
}

/** What arrives, piece by piece. */
export async function* bodyOf({ response, alive }: Answer): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader()
  for (;;) {
    const next = await reader?.read()
    if (!next || next.done) return
    alive()
    yield next.value
  }
}
