import { basename } from 'node:path'
import { refused } from '../../event/failure.ts'
import { apiVersion } from '../../task/api.ts'
import type { Task } from '../../task/task.ts'

/** Imports a file and returns the task that it exports by default; for a file that does not, its body has run by then. */
export async function loadOwnTask(file: string): Promise<Task | undefined> {
  const loaded = (await import(file)) as { default?: Partial<Task> }
  if (!('default' in loaded)) return undefined
  const { default: task } = loaded
  if (typeof task?.check !== 'function' || typeof task.run !== 'function') {
    throw refused(`${file}: the default export is not a task`, 'export default task({ description, check, run })')
  }
  if (task.apiVersion !== undefined && task.apiVersion > apiVersion) {
    throw refused(
      `${file} asks for version ${task.apiVersion} of what kedge gives to tasks; this kedge has version ${apiVersion}`,
      'take a newer kedge',
    )
  }
  return { description: `own task ${basename(file)}`, ...task } as Task
}
