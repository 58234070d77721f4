import { Ajv } from 'ajv'
import standaloneCode from 'ajv/dist/standalone'
import type { BunPlugin } from 'bun'
import { topologySchema } from '../lib/topology/schema.ts'
import { ajvOptions } from '../lib/topology/validate.ts'

/** Source of a module that does what `lib/topology/validate.ts` does, without ajv, typebox and the time to compile. */
export function validatorModule(): string {
  const ajv = new Ajv({ ...ajvOptions, code: { source: true, esm: true } })
  const code = standaloneCode(ajv, ajv.compile(withoutTexts(topologySchema) as object))
  if (/\brequire\(|^import\b/m.test(code)) throw new Error('the generated validator is not self-contained')
  const generated = code.replace('export const validate =', 'const generated =').replace(/export default \w+;/, '')
  return `${generated}\nexport const validate = (value) => (generated(value) ? [] : generated.errors)\n`
}

/** A schema without what only editors read: nothing of it is looked at when a file is checked, and all of it is loaded. */
function withoutTexts(part: unknown): unknown {
  if (Array.isArray(part) || typeof part !== 'object' || part === null) return part
  const { description: _, default: __, properties, ...rest } = part as Record<string, unknown>
  const kept = Object.entries(rest).map(([key, value]) => [key, key === 'examples' ? value : withoutTexts(value)])
  // Its keys are names of the file's, not the schema's own.
  const inner = Object.entries(properties ?? {}).map(([name, value]) => [name, withoutTexts(value)])
  return { ...Object.fromEntries(kept), ...(properties ? { properties: Object.fromEntries(inner) } : {}) }
}

/** Bun build plug-in that puts the generated module in the place of `lib/topology/validate.ts`. */
export const validator: BunPlugin = {
  name: 'validator',
  setup(build) {
    build.onLoad({ filter: /\/lib\/topology\/validate\.ts$/ }, () => ({ contents: validatorModule(), loader: 'js' }))
  },
}
