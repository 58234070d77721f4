import { nearest } from './nearest.ts'
import type { Breach } from './validate.ts'
import { quoted } from './wording.ts'
import type { Complaint } from './yaml-file.ts'

/** What messages take from a part of the schema. */
export type Part = {
  readonly title?: string
  readonly examples?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Part>>
  readonly enum?: readonly string[]
}

/** What stands at the place of a breach: its key, its text where it is a scalar, and in words what it is. */
export type Found = { readonly name: string; readonly text: string | undefined; readonly kind: string }

/** A breach of the schema in words, with what to write instead. */
export function explainBreach(breach: Breach, part: Part, { name, text, kind }: Found): Omit<Complaint, 'path'> {
  const example = exampleHint(part)
  switch (breach.keyword) {
    case 'required':
      return { message: `${quoted(name)} is missing`, hint: missingHint(name, part.properties?.[name] ?? {}) }
    case 'enum': {
      const values: readonly string[] = breach.params.allowedValues
      if (text === undefined) return { message: `${quoted(name)} cannot be ${kind}`, hint: oneOf(values) }
      const suggestion = nearest(text, values)
      const hint = suggestion ? `did you mean ${quoted(suggestion)}?` : oneOf(values)
      return { message: `${quoted(text)} is not a valid ${quoted(name)}`, hint }
    }
    case 'const':
      return {
        message: `${text === undefined ? kind : quoted(text)} is not a version of this file that kedge knows`,
        hint: `write \`${name}: ${breach.params.allowedValue}\``,
      }
    case 'type':
      if (text !== undefined && part.title)
        return { message: `${quoted(text)} is not a valid ${part.title}`, hint: corrected(part, text) ?? example }
      return {
        message: `${quoted(name)} must be ${wanted(breach.params.type)}, not ${kind}`,
        hint: example,
      }
    case 'pattern':
      return {
        message: `${quoted(text ?? '')} is not a valid ${part.title ?? name}`,
        hint: corrected(part, text ?? '') ?? example,
      }
    case 'minimum':
    case 'maximum':
      return {
        message: `${quoted(name)} must be ${breach.keyword === 'minimum' ? 'at least' : 'at most'} ${breach.params.limit}`,
      }
    case 'minItems':
      return { message: `${quoted(name)} is empty`, hint: example }
    default:
      return { message: `${quoted(name)} does not fit the schema (${breach.keyword})` }
  }
}

const oneOf = (values: readonly string[]): string =>
  values.length === 1 ? `write ${quoted(values[0])}` : `one of ${values.join(', ')}`

const missingHint = (name: string, part: Part): string | undefined =>
  part.enum
    ? oneOf(part.enum)
    : part.examples?.[0] === undefined
      ? undefined
      : `for example ${quoted(`${name}: ${flow(part.examples[0])}`)}`

/** A value as one would write it within a line of YAML. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (!isMapping(value)) return String(value)
  return `{ ${Object.entries(value)
    .map(([key, item]) => `${key}: ${flow(item)}`)
    .join(', ')} }`
}

const exampleHint = ({ examples = [] }: Part): string | undefined =>
  examples.length > 0 ? `for example ${examples.map((example) => quoted(flow(example))).join(' or ')}` : undefined

/** What was probably meant, for slips that everybody makes. */
function corrected({ title }: Part, found: string): string | undefined {
  const [, number, unit = ''] = /^\s*(\d+)\s*([A-Za-z]*)\s*$/.exec(found) ?? []
  if (title === 'size' && number && /^([mgt])(i?b)?$/i.test(unit))
    return `write ${quoted(`${number}${unit.slice(0, 1).toUpperCase()}iB`)}`
  if (title === 'size' && number && unit === '') return `write ${quoted(`${number}MiB`)} or ${quoted(`${number}GiB`)}`
  if (title === 'duration' && number && unit === '') return `write ${quoted(`${number}s`)}`
  if (title === 'version' && /^v\d+\.\d+\.\d+/.test(found)) return `write ${quoted(found.slice(1))}`
  if (title === 'version' && /^v?\d+\.\d+$/.test(found)) return 'the patch release is needed too'
  if (title?.startsWith('IPv4') && found.includes(':')) return 'IPv6 is not supported'
  return undefined
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a mapping',
  array: 'a list',
  null: 'null',
}

const wanted = (type: unknown): string =>
  [type]
    .flat()
    .map((name) => kinds[String(name)] ?? String(name))
    .join(' or ')

export const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
