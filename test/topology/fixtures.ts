import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dir, '../fixtures/topology')

export type Fixture = { readonly name: string; readonly text: string }

/** Every lab file whose name begins with `valid` or `invalid`. */
export const fixtures = (verdict: 'valid' | 'invalid'): readonly Fixture[] =>
  readdirSync(folder)
    .filter((file) => file.startsWith(`${verdict}-`))
    .sort()
    .map((file) => ({ name: file.replace('.yaml', ''), text: readFileSync(join(folder, file), 'utf8') }))
