import { parseDocument } from 'yaml'

/** Reads values by their path of keys in a YAML text; undefined where there is none, or the text is no YAML. */
export function yamlReader(text: string): (path: readonly string[]) => unknown {
  const document = parseDocument(text)
  return (path) => (document.errors.length > 0 ? undefined : document.getIn(path))
}

export const yamlValue = (text: string, path: readonly string[]): unknown => yamlReader(text)(path)

/** The text with other values at some paths; mappings on the way are made. Everything else, comments included, stays. */
export function changeYaml(
  text: string,
  changes: readonly (readonly [path: readonly string[], value: unknown])[],
): string {
  const document = parseDocument(text)
  for (const [path, value] of changes) document.setIn(path, value)
  return document.toString({ lineWidth: 0 })
}
