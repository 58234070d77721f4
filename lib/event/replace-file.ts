import { renameSync, writeFileSync } from 'node:fs'

/** Writes a small file for its owner alone: whoever reads it meanwhile, or after a kill, finds the old text or the new one. */
export function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
