import type { Duplex } from 'node:stream'

/** What was asked for: `registry-1.docker.io`, and as what, as a number of DNS. */
export type Question = { readonly name: string; readonly type: number }

const headerBytes = 12
/** What an air-gapped machine's programs are told in the end: temporary failure in name resolution. */
const serverFailure = 2

/**
 * DNS over TCP, as far as it takes to hear what is asked for: every question is told to `onQuestion`, and answered with a failure
 * when that resolves.
 */
export function hearQuestions(stream: Duplex, onQuestion: (question: Question) => Promise<void>): void {
  let held = Buffer.alloc(0)
  let turn = Promise.resolve()
  stream.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk])
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const message = held.subarray(2, 2 + held.readUInt16BE(0))
      held = held.subarray(2 + message.length)
      const parsed = parseQuestion(message)
      // Not DNS: nothing that could be answered.
      if (!parsed) return void stream.destroy()
      turn = turn.then(() => onQuestion(parsed.question)).then(() => void stream.write(failure(message, parsed.end)))
      turn.catch(() => stream.destroy())
    }
  })
  stream.on('end', () => void turn.finally(() => stream.end()))
}

function parseQuestion(message: Buffer): { readonly question: Question; readonly end: number } | undefined {
  if (message.length < headerBytes || message.readUInt16BE(4) < 1) return undefined
  const labels: string[] = []
  let at = headerBytes
  while (at < message.length && message[at] !== 0) {
    const length = message[at] as number
    // A question's name is written out; what looks otherwise is no question.
    if (length > 63 || at + 1 + length >= message.length) return undefined
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const end = at + 5
  if (end > message.length) return undefined
  return { question: { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1) }, end }
}

/** The question, as an answer that holds nothing but a failure. */
function failure(message: Buffer, end: number): Buffer {
  const answer = Buffer.alloc(2 + end)
  answer.writeUInt16BE(end, 0)
  message.copy(answer, 2, 0, end)
  const recursionDesired = (message[2] as number) & 0x01
  answer.writeUInt8(0x80 | recursionDesired, 4)
  answer.writeUInt8(0x80 | serverFailure, 5)
  answer.writeUInt16BE(1, 6)
  answer.fill(0, 8, 14)
  return answer
}

/**
 * Names that nobody outside is asked for: the lab's own, those without a dot, those that are reserved for the machine, its LAN
 * or its cluster, and what a private address is called.
 */
export function isLocalName(name: string, own: readonly string[]): boolean {
  if (!name.includes('.') || own.includes(name)) return true
  if (/\.(?:local|localhost|localdomain|lan|home\.arpa|internal|cluster\.local)$/.test(name)) return true
  const reverse = /^(?:\d+\.)*(\d+)\.(\d+)\.in-addr\.arpa$/.exec(name) ?? /^(\d+)\.in-addr\.arpa$/.exec(name)
  if (reverse) return isPrivate(reverse)
  return /\.[cd]\.f\.ip6\.arpa$|\.8\.e\.f\.ip6\.arpa$|^(?:[01]\.0\.)(?:0\.)*ip6\.arpa$/.test(name)
}

/** By the last two labels before `in-addr.arpa`: the second and the first number of the address. */
function isPrivate([, second, first]: RegExpExecArray): boolean {
  const [a, b] = first === undefined ? [Number(second), 0] : [Number(first), Number(second)]
  return (
    a === 10 ||
    a === 127 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    a >= 224
  )
}
