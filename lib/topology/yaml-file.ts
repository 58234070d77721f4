import { type Document, isScalar, visit, type YAMLError } from 'yaml'
import { parseYaml } from './parse-yaml.ts'
import { makeSource, placeAt, problemAt, type Source } from './source.ts'
import type { Place, Problem } from './topology.ts'
import { extent, type Path, readValues, type Tell, type YamlValues } from './yaml-values.ts'

/** A complaint about a key or a value, before it is looked up where that stands. */
export type Complaint = {
  readonly path: Path
  /** What the caret marks: the value (the default), or the last key of the path. */
  readonly mark?: 'key' | 'value'
  readonly message: string
  readonly hint?: string | undefined
}

/** A YAML file that was read without a syntax error: its values, and where each of them stands. */
export type YamlFile = {
  readonly source: Source
  readonly value: unknown
  /** Whether the file says something at this path. */
  has(path: Path): boolean
  /** A scalar as it is written: `1.10` and not 1.1. */
  textOf(path: Path): string | undefined
  /** Where the key (or the item of a list) at this path stands. */
  placeOf(path: Path): Place
  /** The complaint in its place; about what is not in the file, at the entry that ought to hold it. */
  problem(complaint: Complaint): Problem
}

const largest = 2 * 1024 * 1024
const mostSyntaxErrors = 20

/** A file in which so much is wrong is something else than a lab; to tell all of it would take longer than to read it. */
export const mostProblems = 500

/** The file's values, unless its text is no single sound YAML document. Problems can come with values: a key that stands twice. */
export function readYaml(
  file: string,
  text: string,
): { readonly yaml?: YamlFile; readonly problems: readonly Problem[] } {
  const source = makeSource(file, text.startsWith('\uFEFF') ? text.slice(1) : text)
  const problems: Problem[] = []
  const tell: Tell = (start, end, message, hint) => {
    if (problems.length < mostProblems) problems.push(problemAt(source, start, end, message, hint))
  }

  if (source.text.length > largest) {
    tell(0, 0, `this file is larger than ${largest / 1024 / 1024} MiB, too large for a lab`)
    return { problems }
  }
  tellControlCharacters(source.text, tell)
  if (problems.length > 0) return { problems }
  const document = parseYaml(source.text)
  if ('what' in document) {
    tell(document.offset, document.offset + 1, `this is ${document.what}`)
    return { problems }
  }
  tellSyntax(document, source, tell)
  if (problems.length > 0) return { problems }

  const values = readValues(document, tell, (offset) => placeAt(source, offset).line)
  return values.value === undefined ? { problems } : { yaml: yamlFile(source, values), problems }
}

function yamlFile(source: Source, values: YamlValues): YamlFile {
  function problem({ path, mark = 'value', message, hint }: Complaint): Problem {
    const found = values.find(path)
    const [start, end] = found
      ? mark === 'key'
        ? extent(found.key, found.value)
        : widest(extent(found.value, found.key), extent(found.key, found.value))
      : [0, 0]
    if (found || path.length === 0) return problemAt(source, start, end, message, hint)
    return problem({ path: path.slice(0, -1), mark: 'key', message, hint })
  }
  return {
    source,
    value: values.value,
    has: (path) => values.find(path) !== undefined,
    textOf(path) {
      const { value } = values.find(path) ?? {}
      if (!isScalar(value) || value.value === null) return undefined
      return typeof value.value === 'string' ? value.value : value.source
    },
    placeOf(path) {
      const found = values.find(path)
      return { file: source.file, ...placeAt(source, extent(found?.key, found?.value)[0]) }
    },
    problem,
  }
}

/** A value that takes no room (`key:` and nothing more) is shown by its key. */
const widest = (value: [number, number], key: [number, number]): [number, number] => (value[1] > value[0] ? value : key)

/** The first of each line. */
function tellControlCharacters(text: string, tell: Tell): void {
  const pattern = /(?![\t\n\r\x85])\p{Cc}/gu
  for (let told = 0; told < mostSyntaxErrors; told++) {
    const found = pattern.exec(text)
    if (!found) return
    const { 0: character, index } = found
    const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
    tell(
      index,
      index + 1,
      `a control character (U+${code})`,
      code === '0000' ? 'save the file as UTF-8 text' : undefined,
    )
    const lineEnd = text.indexOf('\n', index)
    if (lineEnd === -1) return
    pattern.lastIndex = lineEnd
  }
}

const hints: Partial<Record<YAMLError['code'], string>> = {
  TAB_AS_INDENT: 'indent with spaces',
  MULTIPLE_DOCS: 'one file describes one lab',
  BLOCK_AS_IMPLICIT_KEY: 'check the indentation; a text that contains `: ` must be in quotes',
  TAG_RESOLVE_FAILED: 'leave the tag out',
}

function tellSyntax(document: Document, source: Source, tell: Tell): void {
  const errors: readonly YAMLError[] = [...document.errors, ...document.warnings]
  // One mistake often gives several errors in its line; the first says it best.
  const lines = new Set<number>()
  for (const { code, pos, message } of errors.slice(0, mostSyntaxErrors)) {
    const { line } = placeAt(source, pos[0])
    if (lines.has(line)) continue
    lines.add(line)
    const openQuote = /^Missing closing ["']quote/.test(message) ? lastQuoted(document) : undefined
    if (openQuote) tell(...openQuote, 'this quote is never closed')
    else if (code === 'MULTIPLE_DOCS') tell(...pos, 'a second document starts here', hints[code])
    else tell(...pos, `not valid YAML: ${decapitalised(message)}`, hints[code])
  }
  const { yaml } = document.directives ?? {}
  if (yaml?.explicit && yaml.version !== '1.2') {
    tell(0, 0, `YAML ${yaml.version} is asked for, but kedge reads YAML 1.2`, 'leave the %YAML line out')
  }
}

/** The parser sees the missing quote where the file ends; the user wants to see where the text begins. */
function lastQuoted(document: Document): [start: number, end: number] | undefined {
  let last: [start: number, end: number] | undefined
  visit(document, {
    Scalar(_, { type, range }) {
      if (range && (type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE')) last = [range[0], range[1]]
    },
  })
  return last
}

const decapitalised = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1)
