import type { NeedDraft, TaskDraft } from '../merge-tasks.ts'
import type { YamlFile } from '../yaml-file.ts'
import type { TaskComplaint } from './check-tasks.ts'

type Step = { readonly name: string; readonly needs: readonly NeedDraft[]; next: number }

/**
 * Tasks that wait for each other, each cycle named once. A depth-first walk with its own stack, since a chain of tasks may be
 * longer than JavaScript's: every need that leads back into the walk's current path closes a cycle.
 */
export function* checkCycles(tasks: readonly TaskDraft[], userFile: YamlFile): Iterable<TaskComplaint> {
  const byName = new Map(tasks.map((task) => [task.name, task]))
  const finished = new Set<string>()
  for (const { name } of tasks) {
    if (finished.has(name)) continue
    const path: Step[] = []
    const position = new Map<string, number>()
    const enter = (entered: string): void => {
      position.set(entered, path.length)
      path.push({ name: entered, needs: byName.get(entered)?.needs ?? [], next: 0 })
    }
    enter(name)
    for (let step = path.at(-1); step; step = path.at(-1)) {
      const need = step.needs[step.next++]
      if (!need) {
        finished.add(step.name)
        position.delete(step.name)
        path.pop()
        continue
      }
      if (need.task === step.name || !byName.has(need.task) || finished.has(need.task)) continue
      const start = position.get(need.task)
      if (start === undefined) enter(need.task)
      else yield complain(path.slice(start), userFile)
    }
  }
}

/** `a → b → a`, shown at a need that the user wrote, if any of them is. */
function complain(cycle: readonly Step[], userFile: YamlFile): TaskComplaint {
  const taken = cycle.flatMap(({ needs, next }) => needs[next - 1] ?? [])
  const names = cycle.map(({ name }) => name)
  const from = Math.max(
    0,
    taken.findIndex(({ file }) => file === userFile),
  )
  const turned = [...names.slice(from), ...names.slice(0, from)]
  const shown = taken[from] as NeedDraft
  const said = [...taken.slice(from), ...taken.slice(0, from)].flatMap(({ task, isBefore }, at) =>
    isBefore ? [`${turned[at]} → ${task} comes from the \`before\` of ${task}`] : [],
  )
  const message = [`these tasks wait for each other: ${[...turned, turned[0]].join(' → ')}`, ...said].join('; ')
  return { file: shown.file, path: shown.path, message, hint: 'take one of these needs out' }
}
