import { explainBreach, type Found, isMapping, type Part } from './explain-breach.ts'
import { nearest } from './nearest.ts'
import type { Raw } from './raw.ts'
import { type Breach, validate } from './validate.ts'
import { quoted } from './wording.ts'
import { type Complaint, mostProblems, type YamlFile } from './yaml-file.ts'
import type { Path } from './yaml-values.ts'

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
    if (complaints.length >= mostProblems) continue
    const part = (breach.parentSchema ?? {}) as Part
    if (breach.keyword === 'additionalProperties') {
      const complaint = unknownKey(path, part)
      if (complaint.suggestion) misspelt.add([...path.slice(0, -1), complaint.suggestion].join('\0'))
      complaints.push(complaint)
    } else if (breach.keyword !== 'required' || !misspelt.has(path.join('\0'))) {
      complaints.push({ path, ...explainBreach(breach, part, foundAt(file, path)) })
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

function foundAt(file: YamlFile, path: Path): Found {
  const text = file.textOf(path)
  return { name: String(path.at(-1) ?? 'file'), text, kind: kindOf(valueAt(file.value, path), text) }
}

function kindOf(value: unknown, text: string | undefined): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  return isMapping(value) ? 'a mapping' : quoted(text ?? String(value))
}

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
