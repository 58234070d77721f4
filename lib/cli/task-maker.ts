import { isOneLiner, oneLiner } from '../task/one-liner.ts'
import { loadOwnTask } from '../task/own-tasks.ts'
import type { Task } from '../task/task.ts'
import type { Wiring } from '../topology/topology.ts'
import { builtInTask, type Lab } from './lab.ts'

/** What makes the task of an entry, once for each attempt: out of its command, its file, or what kedge brings. */
export async function taskMaker(wiring: Wiring, lab: Pick<Lab, 'ownTasks'>): Promise<() => Task> {
  if (isOneLiner(wiring)) return () => oneLiner(wiring)
  const file = wiring.script ?? lab.ownTasks.get(wiring.name)
  if (file) return await loadOwnTask(file)
  const task = builtInTask(wiring.name)
  if (!task) throw new Error(`no code for task ${wiring.name}`)
  return () => task
}
