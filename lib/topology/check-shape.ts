import { nearest } from './nearest.ts'
import type { Raw } from './raw.ts'
import { type Breach, validate } from './validate.ts'
import type { Complaint, YamlFile } from './yaml-file.ts'
import { type Path, quoted } from './yaml-values.ts'

type Part = {
  readonly title?: string
  readonly examples?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Part>>
  readonly enum?: readonly string[]
}

/**
 * What in the file does not fit the schema, and the file without it, so that the rules can look at the rest. The values of
 * `file` itself are pruned; its places stay. Without `raw` nothing is left to look at.
 */
export function checkShape(file: YamlFile): { readonly raw?: Raw; readonly complaints: readonly Complaint[] } {
  const { value } = file
  if (!isMapping(value)) {
    const message = value === null ? 'this file is empty' : 'the file must be a mapping of keys to values'
    return { complaints: [{ path: [], message, hint: '`kedge init` writes a file to start from' }] }
  }
  const complaints: Complaint[] = []
  const unsound: (() => void)[] = []
  const misspelt = new Set<string>()
  const breaches = [...validate(value)].sort((a, b) => order(a) - order(b))
  for (const breach of breaches) {
    const path = pathOf(breach)
    if (breach.keyword !== 'required')
      unsound.push(() => takeOut(value, path, breach.keyword === 'additionalProperties'))
    const part = (breach.parentSchema ?? {}) as Part
    if (breach.keyword === 'additionalProperties') {
      const complaint = unknownKey(path, part)
      if (complaint.suggestion) misspelt.add([...path.slice(0, -1), complaint.suggestion].join('\0'))
      complaints.push(complaint)
    } else if (breach.keyword !== 'required' || !misspelt.has(path.join('\0'))) {
      complaints.push({ path, ...explain(breach, part, file, path) })
    }
  }
  for (const take of unsound) take()
  return { raw: value as Raw, complaints }
}

/** Unknown keys first: one of them may be the very key that is missing. */
const order = ({ keyword }: Breach): number => (keyword === 'additionalProperties' ? 0 : 1)

/** The offending value; for an unknown or a missing key, that key. */
function pathOf({ instancePath, params }: Breach): Path {
  const steps = instancePath.split('/').slice(1)
  const path = steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  const key: unknown = params.additionalProperty ?? params.missingProperty
  return typeof key === 'string' ? [...path, key] : path
}

function unknownKey(path: Path, part: Part): Complaint & { readonly suggestion?: string } {
  const key = String(path.at(-1))
  const known = Object.keys(part.properties ?? {})
  const suggestion = nearest(key, known)
  return {
    path,
    mark: 'key',
    message: `unknown key ${quoted(key)}`,
    hint: suggestion ? `did you mean ${quoted(suggestion)}?` : `known here: ${known.join(', ')}`,
    ...(suggestion ? { suggestion } : {}),
  }
}

function explain(breach: Breach, part: Part, file: YamlFile, path: Path): Omit<Complaint, 'path'> {
  const found = file.textOf(path)
  const name = String(path.at(-1) ?? 'file')
  const example = exampleHint(part)
  switch (breach.keyword) {
    case 'required':
      return { message: `${quoted(name)} is missing`, hint: missingHint(name, part.properties?.[name] ?? {}) }
    case 'enum': {
      const values: readonly string[] = breach.params.allowedValues
      const suggestion = found === undefined ? undefined : nearest(found, values)
      const hint = suggestion ? `did you mean ${quoted(suggestion)}?` : oneOf(values)
      return { message: `${quoted(found ?? kindOf(path, file))} is not a valid ${quoted(name)}`, hint }
    }
    case 'const':
      return {
        message: `${quoted(found ?? '')} is not a version of this file that kedge knows`,
        hint: `write \`${name}: ${breach.params.allowedValue}\``,
      }
    case 'type':
      if (found !== undefined && part.title)
        return { message: `${quoted(found)} is not a valid ${part.title}`, hint: corrected(part, found) ?? example }
      return {
        message: `${quoted(name)} must be ${wanted(breach.params.type)}, not ${kindOf(path, file)}`,
        hint: example,
      }
    case 'pattern':
      return {
        message: `${quoted(found ?? '')} is not a valid ${part.title ?? name}`,
        hint: corrected(part, found ?? '') ?? example,
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

function kindOf(path: Path, file: YamlFile): string {
  const value = valueAt(file.value, path)
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  return isMapping(value) ? 'a mapping' : quoted(file.textOf(path) ?? String(value))
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function valueAt(value: unknown, path: Path): unknown {
  let found = value
  for (const step of path)
    found = typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[step] : undefined
  return found
}

/** A key that is known but has a bad value stays, undefined: a node with a bad address on a network is on that network. */
function takeOut(value: unknown, path: Path, withKey: boolean): void {
  const parent = valueAt(value, path.slice(0, -1))
  const key = path.at(-1)
  if (key === undefined || typeof parent !== 'object' || parent === null) return
  if (withKey) delete (parent as Record<string, unknown>)[key]
  else (parent as Record<string, unknown>)[key] = undefined
}
