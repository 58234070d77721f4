import { Ajv } from 'ajv'
import standaloneCode from 'ajv/dist/standalone'
import type { BunPlugin } from 'bun'
import { topologySchema } from '../lib/topology/schema.ts'
import { ajvOptions } from '../lib/topology/validate.ts'

/** Source of a module that does what `lib/topology/validate.ts` does, without ajv, typebox and the time to compile. */
export function validatorModule(): string {
  const ajv = new Ajv({ ...ajvOptions, code: { source: true, esm: true } })
  const code = standaloneCode(ajv, ajv.compile(topologySchema))
  if (/\brequire\(|^import\b/m.test(code)) throw new Error('the generated validator is not self-contained')
  const generated = code.replace('export const validate =', 'const generated =').replace(/export default \w+;/, '')
  return `${generated}\nexport const validate = (value) => (generated(value) ? [] : generated.errors)\n`
}

/** Bun build plug-in that puts the generated module in the place of `lib/topology/validate.ts`. */
export const validator: BunPlugin = {
  name: 'validator',
  setup(build) {
    build.onLoad({ filter: /\/lib\/topology\/validate\.ts$/ }, () => ({ contents: validatorModule(), loader: 'js' }))
  },
}
