import { describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownTaskFiles } from '../../lib/task/own-tasks.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'

/** A folder with these files below `tasks/`. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, 'tasks'), { recursive: true })
    writeFileSync(join(folder, 'tasks', name), text)
  }
  return folder
}

describe('which files are tasks', () => {
  test('scripts beside the config, by name; tests, types and other files are not', () => {
    const names = ['b.ts', 'a.mjs', 'c.mts', 'd.js', 'a.test.ts', 'kedge.d.ts', 'notes.md', 'e.tsx', 'f.ts.kedge']
    const folder = folderWith(Object.fromEntries(names.map((name) => [name, 'throw new Error("was run")'])))
    expect([...ownTaskFiles(folder)]).toEqual([
      ['a', join(folder, 'tasks/a.mjs')],
      ['b', join(folder, 'tasks/b.ts')],
      ['c', join(folder, 'tasks/c.mts')],
      ['d', join(folder, 'tasks/d.js')],
    ])
  })
  test('no folder, no tasks', () => expect(ownTaskFiles(temporaryFolder()).size).toBe(0))
})
