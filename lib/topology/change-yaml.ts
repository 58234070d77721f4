import { parseDocument } from 'yaml'

/** The value at a path of keys in a YAML text; undefined where there is none, or the text is no YAML. */
export function yamlValue(text: string, path: readonly string[]): unknown {
  const document = parseDocument(text)
  return document.errors.length > 0 ? undefined : document.getIn(path)
}

/** The text with other values at some paths; mappings on the way are made. Everything else, comments included, stays. */
export function changeYaml(
  text: string,
  changes: readonly (readonly [path: readonly string[], value: unknown])[],
): string {
  const document = parseDocument(text)
  for (const [path, value] of changes) document.setIn(path, value)
  return document.toString({ lineWidth: 0 })
}
