import { inspect } from 'node:util'
import { quote } from './quote.ts'

/**
 * A value that shows as `***` wherever it is printed, logged, or put into a longer string. As an argument of its own in a
 * `$` template, as `input`, or as the content of a file it reaches its receiver raw.
 */
export type Secret = { readonly id: number; toString(): string; toJSON(): string }

export type Vault = {
  secret(value: string): Secret
  /** Every registered value in the text, in each form that it may take on the way, replaced by `***`. */
  mask(text: string): string
}

export const stars = '***'

// Below this length a value would black out ordinary words.
const shortestMasked = 6
const shortestMaskedLine = 16

// One list for the whole process: what is secret to one instance must not stand in another one's log.
const values = new Map<Secret, string>()
const byValue = new Map<string, Secret>()
const byId = new Map<number, Secret>()
const maskedForms = new Set<string>()
let pattern: RegExp | undefined

// zx turns arguments into strings before it quotes them, and takes `stdout` where there is one: a bare argument shows
// this mark to `quote`, while everything else that makes a string of a secret gets stars.
const mark = `\u0001kedge-${crypto.randomUUID()}-`

const secretPrototype = {
  toString: () => stars,
  toJSON: () => stars,
  [inspect.custom]: () => stars,
  get stdout(): string {
    return `${mark}${(this as unknown as Secret).id}`
  },
}

export function createVault(): Vault {
  return { secret, mask }
}

/** Throws TypeError for a NUL character, which neither an argument nor a shell variable can carry. */
function secret(value: string): Secret {
  if (value.includes('\0')) throw new TypeError('A secret holds a NUL character')
  const known = byValue.get(value)
  if (known) return known
  const made: Secret = Object.freeze(Object.create(secretPrototype, { id: { value: byId.size + 1, enumerable: true } }))
  values.set(made, value)
  byValue.set(value, made)
  byId.set(made.id, made)
  for (const form of formsOf(value)) maskedForms.add(form)
  pattern = undefined
  return made
}

export function mask(text: string): string {
  if (maskedForms.size === 0) return text
  pattern ??= new RegExp(
    [...maskedForms]
      .sort((a, b) => b.length - a.length)
      .map(escapeForRegExp)
      .join('|'),
    'g',
  )
  return text.replace(pattern, stars)
}

export const isSecret = (value: unknown): value is Secret =>
  typeof value === 'object' && value !== null && values.has(value as Secret)

/** The raw value, for what writes it to its receiver and for nothing else. */
export function reveal(secret: Secret): string {
  const value = values.get(secret)
  if (value === undefined) throw new TypeError('Not a secret of this process')
  return value
}

/** The secret behind an argument as zx hands it to `quote`, if it is one. */
export function secretOfArgument(text: string): Secret | undefined {
  return text.startsWith(mark) ? byId.get(Number(text.slice(mark.length))) : undefined
}

/** The shell variable that carries a secret to the command; never exported. */
export const variableOf = (secret: Secret): string => `KEDGE_SECRET_${secret.id}`

/** A command as people may read it: stars where it names a secret's variable, and for every registered value. */
export const showCommand = (command: string): string => mask(command.replaceAll(/"\$KEDGE_SECRET_\d+"/g, stars))

function formsOf(value: string): string[] {
  const trimmed = value.trim()
  const lines = trimmed.split('\n').map((line) => line.trim())
  const texts = [value, trimmed]
  // Output is masked line by line, so the lines of a key or a kubeconfig count by themselves.
  if (lines.length > 1) texts.push(...lines.filter((line) => line.length >= shortestMaskedLine && !/^-{3}/.test(line)))
  return [...new Set(texts.filter((text) => text.length >= shortestMasked).flatMap(renderings))]
}

function renderings(text: string): string[] {
  const base64 = [text, `${text}\n`].map((each) => Buffer.from(each).toString('base64').replace(/=+$/, ''))
  return [
    text,
    JSON.stringify(text).slice(1, -1),
    quote(text).replace(/^'|'$/g, ''),
    // bash's printf %q and set -x
    text.replace(/[^\w@%+:,./=-]/g, '\\$&'),
    text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n'),
    encodeURIComponent(text),
    ...base64,
    ...base64.map((each) => each.replaceAll('+', '-').replaceAll('/', '_')),
  ]
}

const escapeForRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
