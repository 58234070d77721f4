import { afterAll } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Loaded before any test: its hook comes after the last test of all files.
const folder = mkdtempSync(join(tmpdir(), 'kedge-tests-'))
let count = 0
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Empty, and gone when the last test of all files has ended. */
export function temporaryFolder(): string {
  const path = join(folder, `${++count}`)
  mkdirSync(path)
  return path
}
