import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { commandsPage } from './reference/commands.ts'
import { configurationPage } from './reference/configuration.ts'
import { eventsPage } from './reference/events.ts'
import { exitCodesPage } from './reference/exit-codes.ts'
import { knownFailuresPage } from './reference/known-failures.ts'
import { tasksPage } from './reference/tasks.ts'

/** The pages of docs/reference by file name; another one is one line here. */
const pages: Readonly<Record<string, () => string | Promise<string>>> = {
  'commands.md': commandsPage,
  'configuration.md': configurationPage,
  'events.md': eventsPage,
  'exit-codes.md': exitCodesPage,
  'known-failures.md': knownFailuresPage,
  'tasks.md': tasksPage,
}

export const referenceFolder = join(import.meta.dir, '../docs/reference')

/** Every page as it has to be, by file name. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  const made: [string, string][] = []
  for (const [name, make] of Object.entries(pages)) made.push([name, await make()])
  return new Map(made)
}

if (import.meta.main) {
  const made = await referencePages()
  mkdirSync(referenceFolder, { recursive: true })
  for (const name of readdirSync(referenceFolder)) if (!made.has(name)) rmSync(join(referenceFolder, name))
  for (const [name, text] of made) await Bun.write(join(referenceFolder, name), text)
  console.log(`docs/reference: ${[...made.keys()].join(', ')}`)
}
