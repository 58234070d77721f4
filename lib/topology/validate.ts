import { Ajv, type ErrorObject, type Options } from 'ajv'
import { topologySchema } from './schema.ts'

/**
 * One breach of the schema, as ajv tells it. `verbose` brings the part of the schema that was not met, whose title and
 * examples make the message.
 */
export type Breach = Pick<ErrorObject, 'keyword' | 'instancePath' | 'params' | 'propertyName' | 'parentSchema'>

export const ajvOptions: Options = { allErrors: true, verbose: true, strict: true, allowUnionTypes: true }

let compiled: ReturnType<Ajv['compile']> | undefined

/**
 * Every breach of the schema in a parsed file. Run from source this compiles the schema at first use, some 50 ms; in the
 * executable, `build/validator.ts` puts the code that ajv generated at build time in the place of this module.
 */
export function validate(value: unknown): readonly Breach[] {
  compiled ??= new Ajv(ajvOptions).compile(topologySchema)
  return compiled(value) ? [] : (compiled.errors ?? [])
}
