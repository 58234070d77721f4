import { existsSync, readdirSync } from 'node:fs'
import { basename, extname, isAbsolute, join } from 'node:path'
import { refused } from '../event/failure.ts'
import * as api from './api.ts'
import { alwaysRuns, done, pending, type Task } from './task.ts'

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

let embedded: Promise<void> | undefined

/** Own tasks import `zx` and `kedge` on hosts where nothing is installed: both resolve to what this program carries. */
async function embedModules() {
  // Before the names are taken: in the source tree its own import of zx would end up in the plug-in, and wait for itself.
  const { zx } = await import('../host/zx.ts')
  Bun.plugin({
    name: 'kedge-own-tasks',
    setup(build) {
      build.module('kedge', () => ({ exports: { ...api }, loader: 'object' }))
      for (const name of ['zx', 'zx/core', 'zx/globals']) {
        build.module(name, () => ({ exports: { ...zx }, loader: 'object' }))
      }
    },
  })
}

let loads = 0

/**
 * Loads one file and returns what makes its task, once for each attempt: its default export, or, for a plain zx script
 * without one, a task whose `run` is the script's body. A file that cannot be read as a script is refused with its line.
 */
export async function loadOwnTask(file: string): Promise<() => Task> {
  embedded ??= embedModules()
  await embedded
  if (!existsSync(file)) throw refused(`there is no ${file}`)
  if (!(await hasDefaultExport(file))) return () => scriptTask(file)
  const { default: loaded } = (await importing(file, file)) as { default?: Partial<Task> }
  if (typeof loaded?.check !== 'function' || typeof loaded.run !== 'function') {
    throw refused(`${file}: the default export is not a task`, 'export default task({ description, check, run })')
  }
  const own = { description: `own task ${basename(file)}`, ...loaded } as Task
  return () => own
}

/** Asked of the text, since to import a script is to run it. */
async function hasDefaultExport(file: string): Promise<boolean> {
  const loader = extname(file).endsWith('ts') ? 'ts' : 'js'
  const text = await Bun.file(file).text()
  try {
    return new Bun.Transpiler({ loader }).scan(text).exports.includes('default')
  } catch (error) {
    throw unreadable(file, error)
  }
}

async function importing(file: string, address: string): Promise<unknown> {
  try {
    return await import(address)
  } catch (error) {
    throw unreadable(file, error)
  }
}

/** What Bun says of a file that it cannot make a module of, as the user's mistake; anything else as it is. */
function unreadable(file: string, error: unknown): unknown {
  if (error instanceof ResolveMessage) return refused(`${file}: ${error.message}`)
  if (!(error instanceof BuildMessage)) return error
  const { line, column, lineText, file: named } = error.position ?? { line: 1, column: 1, lineText: '', file: '' }
  const place = `${isAbsolute(named) ? named : file}:${line}:${column}`
  return refused(`${place}: ${error.message}`, `look at this line: ${lineText.trim()}`)
}

function scriptTask(file: string): Task {
  let hasRun = false
  return {
    description: `script ${basename(file)}`,
    check: async () => (hasRun ? done : pending(alwaysRuns)),
    async run() {
      // A module's body runs once for each address. Bun tells addresses apart by the query of a path, not of a file URL.
      await importing(file, `${file}?run=${++loads}`)
      hasRun = true
    },
  }
}
