import type { RawFile } from './schema.ts'

/** What is left of a value when everything that does not fit the schema is taken out. */
export type Sound<T> = T extends readonly (infer Item)[]
  ? readonly (Sound<Item> | undefined)[]
  : T extends object
    ? { readonly [Key in keyof T]?: Sound<T[Key]> | undefined }
    : T

/** The file as the rules see it: nothing is certain to be there, but what is there has the right type; a key with an unsound value is there as undefined. */
export type Raw = Sound<RawFile>
export type RawNode = NonNullable<NonNullable<Raw['nodes']>[string]>
export type RawTask = NonNullable<NonNullable<Raw['tasks']>[string]>
