import { describeOwnTask, ownTask } from '../own-task/own-task.ts'
import { readOwnTask } from '../own-task/read-own-task.ts'
import { isOneLiner, oneLiner } from '../task/one-liner.ts'
import type { Attempt, Task } from '../task/task.ts'
import { formatProblems } from '../topology/format-problem.ts'
import type { Problem, Wiring } from '../topology/topology.ts'
import { CliError, exitCodes } from './exit-codes.ts'
import { builtInTask, type Lab } from './lab.ts'

/** What makes the task of each entry, once for each attempt: out of its command, its file, or what kedge brings. */
export function taskMakers(lab: Lab): ReadonlyMap<string, () => Attempt> {
  const makers = new Map<string, () => Attempt>()
  const problems: Problem[] = []
  for (const wiring of lab.topology.tasks) {
    if (wiring.removed) continue
    const file = ownFileOf(wiring, lab)
    if (isOneLiner(wiring)) makers.set(wiring.name, () => oneLiner(wiring))
    else if (file === undefined) makers.set(wiring.name, builtIn(wiring))
    else {
      const text = readOwnTask(file)
      if ('problem' in text) problems.push(text.problem)
      else makers.set(wiring.name, () => ownTask(file, text))
    }
  }
  mustBeReadable(problems)
  return makers
}

/** What an entry's task says of itself; an own task's file is loaded for that, in a process of its own. */
export async function taskWords(wiring: Wiring, lab: Lab): Promise<Omit<Task, 'check' | 'run'>> {
  const file = ownFileOf(wiring, lab)
  if (isOneLiner(wiring)) return oneLiner(wiring)
  if (file === undefined) return builtIn(wiring)()
  const text = readOwnTask(file)
  if (!('problem' in text)) return await describeOwnTask(file, text)
  throw unreadable([text.problem])
}

/** The file of an own task; it wins over what kedge brings under that name. */
export const ownFileOf = ({ name, sh, script }: Wiring, { ownTasks }: Pick<Lab, 'ownTasks'>): string | undefined =>
  sh === undefined ? (script ?? ownTasks.get(name)) : undefined

function builtIn({ name }: Wiring): () => Task {
  const task = builtInTask(name)
  if (!task) throw new Error(`no code for task ${name}`)
  return () => task
}

function mustBeReadable(problems: readonly Problem[]): void {
  if (problems.length > 0) throw unreadable(problems)
}

const unreadable = (problems: readonly Problem[]) =>
  new CliError(exitCodes.configuration, formatProblems(problems, { color: false }))
