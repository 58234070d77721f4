import { expect } from 'bun:test'
import { join } from 'node:path'

/**
 * Compares with a golden file of `test/golden/<folder>`; `UPDATE_GOLDEN=1 bun test` writes it anew, to be read before it is
 * committed.
 */
export const goldenIn =
  (folder: string) =>
  async (name: string, actual: string | undefined): Promise<void> => {
    const file = Bun.file(join(import.meta.dir, 'golden', folder, name))
    if (process.env.UPDATE_GOLDEN) await Bun.write(file, actual ?? '')
    expect(await file.exists(), `test/golden/${folder}/${name} exists`).toBe(true)
    expect(actual).toBe(await file.text())
  }
