import { runHere } from '../run-here.ts'
import { block, code, page, table } from './markdown.ts'

/** As much of a JSON Schema as the lab file's has. */
type Schema = {
  readonly type?: string | readonly string[]
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly required?: readonly string[]
}

/** Every key of the lab file, as `kedge schema` describes it. */
export async function configurationPage(): Promise<string> {
  const { stdout } = await runHere('/', ['schema'])
  const schema = JSON.parse(stdout) as Schema
  const keys = Object.entries(schema.properties ?? {})
  return page(
    'The lab file: kedge.config.yaml',
    'the JSON Schema that `kedge schema` prints',
    `${schema.description} Editors that know JSON Schema complete and explain these keys: ${code('kedge init')} writes the schema beside the file. \`<name>\` is a name of your choice; \`[]\` stands for each entry of a list.`,
    ...keys.flatMap(([key, value]) => [
      `## ${key}`,
      table(['key', 'type', 'default', 'what it is'], rowsOf(key, value, schema.required?.includes(key) ?? false)),
      ...exampleOf(value, key),
    ]),
  )
}

/** A top-level key's own example, where it is more than a word. */
const exampleOf = ({ examples = [] }: Schema, key: string): readonly string[] =>
  examples.slice(0, 1).flatMap((example) => (isPlain(example) ? [] : [block(`${key}: ${yamlOf(example)}`, 'yaml')]))

function rowsOf(path: string, schema: Schema, isRequired: boolean): readonly (readonly string[])[] {
  const own = [code(path), typeOf(schema), isRequired ? 'required' : defaultOf(schema), whatItIs(schema)]
  // A jump host is described as the host that is reached through it, as deep as one likes.
  if (path.endsWith('.jump')) return [own]
  const named = Object.entries(schema.properties ?? {}).flatMap(([key, value]) =>
    rowsOf(`${path}.${key}`, value, schema.required?.includes(key) ?? false),
  )
  const { additionalProperties: entry, items } = schema
  const chosen = typeof entry === 'object' ? rowsOf(`${path}.<name>`, entry, false) : []
  const listed = items?.properties || items?.description ? rowsOf(`${path}[]`, items, false) : []
  return [own, ...named, ...chosen, ...listed]
}

function typeOf({ type = [], title, enum: values, const: value, minimum, maximum }: Schema): string {
  if (value !== undefined) return code(String(value))
  if (values) return values.map((each) => code(String(each))).join(' or ')
  const range = minimum === undefined ? '' : `, ${minimum}${maximum === undefined ? ' or more' : ` to ${maximum}`}`
  const kinds = [type].flat().join(' or ')
  return `${title ? `${title} (${kinds})` : kinds}${range}`
}

const defaultOf = (schema: Schema): string =>
  schema.default === undefined ? '-' : code(isPlain(schema.default) ? String(schema.default) : yamlOf(schema.default))

function whatItIs({ description = '', examples = [] }: Schema): string {
  const shown = examples.filter((example) => example !== undefined).map((example) => code(yamlOf(example)))
  return shown.length > 0 ? `${description} For example ${shown.join(', ')}.` : description
}

const isPlain = (value: unknown): boolean => typeof value !== 'object' || value === null

/** In YAML's flow style; strings stay bare where YAML reads them as the same string. */
function yamlOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yamlOf).join(', ')}]`
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([key, each]) => `${key}: ${yamlOf(each)}`)
      .join(', ')} }`
  const text = String(value)
  return typeof value === 'string' && (/[,[\]{}#&*!|>'"%@`]|: |^$|^[-?:] |\s$|^\s/.test(text) || isOther(text))
    ? `'${text.replaceAll("'", "''")}'`
    : text
}

const isOther = (text: string): boolean =>
  /^(true|false|null|~|yes|no|on|off|[\d.]+)$/i.test(text) && !/\..*\./.test(text)
