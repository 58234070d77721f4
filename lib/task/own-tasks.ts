import { existsSync, readdirSync } from 'node:fs'
import { basename, extname, join } from 'node:path'

const endings = ['.ts', '.mts', '.js', '.mjs']

/** Names and files of the tasks that lie beside the config, in `tasks/`. Nothing of them is run for that. */
export function ownTaskFiles(folder: string): ReadonlyMap<string, string> {
  const tasks = join(folder, 'tasks')
  return existsSync(tasks) ? ownTasksAmong(folder, readdirSync(tasks)) : new Map()
}

/** The same, of file names that are known to be in `tasks/` of that folder, or will be. */
export function ownTasksAmong(folder: string, names: readonly string[]): ReadonlyMap<string, string> {
  const files = names.filter((file) => endings.includes(extname(file)) && !/\.(test|d)\.\w+$/.test(file))
  return new Map(files.sort().map((file) => [basename(file, extname(file)), join(folder, 'tasks', file)]))
}
