import { existsSync, readdirSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { refused } from '../event/failure.ts'
import * as api from './api.ts'
import { done, pending, type Task } from './task.ts'

const endings = ['.ts', '.mts', '.js', '.mjs']

/** Names and files of the tasks that lie beside the config, in `tasks/`. Nothing of them is run for that. */
export function ownTaskFiles(folder: string): ReadonlyMap<string, string> {
  const tasks = join(folder, 'tasks')
  if (!existsSync(tasks)) return new Map()
  const files = readdirSync(tasks).filter((file) => endings.includes(extname(file)) && !/\.(test|d)\.\w+$/.test(file))
  return new Map(files.sort().map((file) => [basename(file, extname(file)), join(tasks, file)]))
}

let isEmbedded = false

/** Own tasks import `zx` and `kedge` on hosts where nothing is installed: both resolve to what this program carries. */
function embedModules() {
  if (isEmbedded) return
  isEmbedded = true
  Bun.plugin({
    name: 'kedge-own-tasks',
    setup(build) {
      build.module('kedge', () => ({ exports: { ...api }, loader: 'object' }))
      for (const name of ['zx', 'zx/core', 'zx/globals']) {
        build.module(name, async () => ({ exports: { ...(await import('../host/zx.ts')).zx }, loader: 'object' }))
      }
    },
  })
}

let loads = 0

/**
 * Loads one file and returns what makes its task, once for each attempt: its default export, or, for a plain zx script
 * without one, a task whose `run` is the script's body.
 */
export async function loadOwnTask(file: string): Promise<() => Task> {
  embedModules()
  if (!existsSync(file)) throw refused(`there is no ${file}`)
  const text = await Bun.file(file).text()
  if (!/\bexport\s+default\b|\bas\s+default\b/.test(text)) return () => scriptTask(file)
  const { default: loaded } = (await import(pathToFileURL(file).href)) as { default?: Partial<Task> }
  if (typeof loaded?.check !== 'function' || typeof loaded.run !== 'function') {
    throw refused(`${file}: the default export is not a task`, 'export default task({ description, check, run })')
  }
  const own = { description: `own task ${basename(file)}`, ...loaded } as Task
  return () => own
}

function scriptTask(file: string): Task {
  let hasRun = false
  return {
    description: `script ${basename(file)}`,
    check: async () => (hasRun ? done : pending('a script without a check always runs')),
    async run() {
      // A module's body runs once for each address; the query makes a new one for each run.
      await import(`${pathToFileURL(file).href}?run=${++loads}`)
      hasRun = true
    },
  }
}
