import { expect } from 'bun:test'
import { join } from 'node:path'

const folder = join(import.meta.dir, '../golden/tasks')

/** Compares with a golden file; `UPDATE_GOLDEN=1 bun test` writes it anew, to be read before it is committed. */
export async function expectGolden(name: string, actual: string | undefined): Promise<void> {
  const file = Bun.file(join(folder, name))
  if (process.env.UPDATE_GOLDEN) await Bun.write(file, actual ?? '')
  expect(await file.exists(), `test/golden/tasks/${name} exists`).toBe(true)
  expect(actual).toBe(await file.text())
}
