import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'

/** A value that must not be found, and what to call it where it was. */
export type NamedSecret = { readonly name: string; readonly value: string }

export type Find = { readonly secret: string; readonly form: string; readonly file: string }

const pieceBytes = 4 * 1024 * 1024
/** Shorter lines of a value with several may stand anywhere by chance. */
const shortestLine = 16

/**
 * Looks for each secret, in every form that a program may print it in, in the bytes of each file, however long. Names the secret
 * and its form, never the value. A file that is gone or is not for reading is passed over.
 */
export function findSecrets(secrets: readonly NamedSecret[], files: Iterable<string>): Find[] {
  const forms = secrets.flatMap(formsOf)
  const overlap = Math.max(0, ...forms.map(({ bytes }) => bytes.length))
  // One for all files: there are thousands of them, most of a few bytes.
  const buffer = Buffer.allocUnsafe(pieceBytes + overlap)
  const found = new Map<string, Find>()
  for (const file of files) {
    for (const piece of piecesOf(file, buffer, overlap)) {
      for (const { secret, form, bytes } of forms) {
        if (piece.includes(bytes)) found.set(`${secret} ${form} ${file}`, { secret, form, file })
      }
    }
  }
  return [...found.values()]
}

/** The same in a text that is no file, such as what a command printed; `name` stands for the file. */
export function findSecretsInText(secrets: readonly NamedSecret[], name: string, text: string): Find[] {
  const bytes = Buffer.from(text)
  return secrets
    .flatMap(formsOf)
    .flatMap((each) => (bytes.includes(each.bytes) ? [{ secret: each.secret, form: each.form, file: name }] : []))
}

/** Every regular file below a folder; links are not followed. */
export function* filesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* filesBelow(path)
    else if (entry.isFile()) yield path
  }
}

/** Arguments and environment of every process of this machine. */
export function processFiles(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`])
}

export type Form = { readonly secret: string; readonly form: string; readonly bytes: Buffer }

/** Each secret in every form, in lines of text without a line break. */
export function formsOf({ name, value }: NamedSecret): Form[] {
  const trimmed = value.trim()
  if (trimmed.length < 6) throw new Error(`${name} is too short to be looked for`)
  const lines = trimmed.split('\n').filter((line) => line.length >= shortestLine && !line.startsWith('---'))
  const parts = trimmed.includes('\n') ? lines : [trimmed]
  return parts.flatMap((part) =>
    Object.entries(renderings(part)).map(([form, text]) => ({ secret: name, form, bytes: Buffer.from(text) })),
  )
}

function renderings(text: string): Record<string, string> {
  const bytes = Buffer.from(text)
  // Whatever stands before it, one of three alignments shows; the characters at both ends depend on the neighbours.
  const inBase64 = [0, 1, 2].map((shift): [string, string] => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    return [`base64, shifted by ${shift}`, whole.slice(shift === 0 ? 0 : shift + 1, -1)]
  })
  return {
    plain: text,
    'in JSON': JSON.stringify(text).slice(1, -1),
    'in an address': encodeURIComponent(text),
    'in hexadecimal': bytes.toString('hex'),
    ...Object.fromEntries(inBase64),
    ...Object.fromEntries(
      inBase64.map(([form, base64]) => [`${form}, for addresses`, base64.replaceAll('+', '-').replaceAll('/', '_')]),
    ),
  }
}

/** A file in pieces that overlap, so that no cut hides a secret. */
function* piecesOf(file: string, buffer: Buffer, overlap: number): Generator<Buffer> {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'r')
    let kept = 0
    for (;;) {
      const bytes = readSync(descriptor, buffer, kept, pieceBytes, null)
      if (bytes === 0) return
      const filled = kept + bytes
      yield buffer.subarray(0, filled)
      kept = Math.min(overlap, filled)
      buffer.copyWithin(0, filled - kept, filled)
    }
  } catch (error) {
    // Processes end while one looks, and some are not ours to read.
    if (!['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}
