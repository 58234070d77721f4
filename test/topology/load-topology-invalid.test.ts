import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatProblems } from '../../lib/topology/format-problem.ts'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import { fixtures } from './fixtures.ts'
import { known } from './known.ts'

// Not a promise about speed: a busy machine may take its time over the nastiest files.
setDefaultTimeout(60_000)

/** `UPDATE_GOLDEN=1 bun test test/topology` writes the golden files anew; read the difference before you commit it. */
const isUpdating = process.env.UPDATE_GOLDEN === '1'
const golden = join(import.meta.dir, '../golden/topology')

describe('every complaint about an invalid file, as the user reads it', () => {
  for (const { name, text } of fixtures('invalid')) {
    test(name, () => {
      const loaded = loadTopology(text, `${name}.yaml`, known)
      const shown = loaded.ok ? 'no complaint\n' : formatProblems(loaded.problems, { color: false })
      const path = join(golden, `${name}.txt`)
      if (isUpdating) writeFileSync(path, shown)
      expect(existsSync(path)).toBe(true)
      expect(shown).toBe(readFileSync(path, 'utf8'))
      expect(loaded.ok).toBe(false)
    })
  }
})
