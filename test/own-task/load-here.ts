import { embedModules } from '../../lib/own-task/child/embedded-modules.ts'
import { loadOwnTask } from '../../lib/own-task/child/load-own-task.ts'
import type { Task } from '../../lib/task/task.ts'

let embedded: Promise<void> | undefined

/** An own task in the tests' process: for what it does, not for what it may do to its process. */
export async function loadHere(file: string): Promise<Task> {
  embedded ??= embedModules(
    async () => undefined,
    () => undefined,
  )
  await embedded
  const task = await loadOwnTask(file)
  if (!task) throw new Error(`${file} has no default export`)
  return task
}
