import type { Raw, RawTask } from './raw.ts'
import type { YamlFile } from './yaml-file.ts'
import type { Path } from './yaml-values.ts'

/** The `tasks` of one file. */
export type TaskSource = { readonly file: YamlFile; readonly tasks: NonNullable<Raw['tasks']> }

/** One need, or one entry of `before`, taken apart; `path` is where it stands in `file`. */
export type NeedDraft = {
  readonly task: string
  readonly on: readonly string[] | undefined
  readonly file: YamlFile
  readonly path: Path
  /** Said by the needed task's `before`; `waiting` are then the selectors of the instances that wait, where it names any. */
  readonly isBefore?: true
  readonly waiting?: readonly string[]
}

/** One task after the merge, each key from the file that says it last. */
export type TaskDraft = {
  readonly name: string
  readonly removed: boolean
  /** False where the entry itself does not fit the schema: then nothing is known about it but its name. */
  readonly isSound: boolean
  readonly entry: RawTask
  /** Those of other tasks' `before` included. */
  readonly needs: readonly NeedDraft[]
  /** What it says that shall wait for it; `on` are the instances that do. */
  readonly before: readonly NeedDraft[]
  /** The user's file where it mentions the task, else the embedded one. */
  readonly file: YamlFile
  /** Which of the two files says a key. */
  fileOf(key: keyof RawTask): YamlFile
}

/**
 * The user's tasks over the embedded ones, by name and then key by key; own tasks follow in their order. A removed task keeps
 * what the embedded wiring says of it, so that whoever needs it waits for what it needed.
 */
export function mergeTasks(base: TaskSource | undefined, own: TaskSource | undefined): readonly TaskDraft[] {
  const names = new Set([...Object.keys(base?.tasks ?? {}), ...Object.keys(own?.tasks ?? {})])
  return withBefore([...names].map((name) => mergeTask(name, base, own)).filter((task) => task !== undefined))
}

/** What a task's `before` names has a need more. An entry that names nothing to wait, or itself, makes none. */
function withBefore(tasks: readonly TaskDraft[]): readonly TaskDraft[] {
  const added = new Map<string, NeedDraft[]>()
  for (const { name, before } of tasks) {
    for (const { task, on, file, path } of before) {
      if (task === name) continue
      const isEverywhere = on?.includes('all') ?? false
      const need = { task: name, on: isEverywhere ? ['all'] : undefined, file, path, isBefore: true } as const
      const drafts = added.get(task) ?? []
      drafts.push(on && !isEverywhere ? { ...need, waiting: on } : need)
      added.set(task, drafts)
    }
  }
  if (added.size === 0) return tasks
  return tasks.map((task) => {
    const more = task.removed ? undefined : added.get(task.name)
    return more ? { ...task, needs: [...task.needs, ...more] } : task
  })
}

function mergeTask(name: string, base: TaskSource | undefined, own: TaskSource | undefined): TaskDraft | undefined {
  const inOwn = own && Object.hasOwn(own.tasks, name)
  const inBase = base && Object.hasOwn(base.tasks, name)
  const source = inOwn ? own : inBase ? base : undefined
  if (!source) return undefined
  const below = inBase ? (base.tasks[name] ?? undefined) : undefined
  const above = inOwn ? (own.tasks[name] ?? undefined) : undefined
  const said = inOwn ? own.tasks[name] : below
  const fileOf = (key: keyof RawTask): YamlFile =>
    inBase && !(inOwn && own.file.has(['tasks', name, key])) ? base.file : source.file
  const entry = { ...below, ...above }
  return {
    name,
    removed: said === null,
    isSound: said !== undefined,
    entry,
    needs: readNeeds(entry.needs, ['tasks', name, 'needs'], fileOf('needs')),
    before: readNeeds(entry.before, ['tasks', name, 'before'], fileOf('before')),
    file: source.file,
    fileOf,
  }
}

function readNeeds(needs: RawTask['needs'] = [], path: Path, file: YamlFile): readonly NeedDraft[] {
  return needs.flatMap((need, index): NeedDraft[] => {
    const place = { file, path: [...path, index] }
    if (need === undefined) return []
    if (typeof need === 'string') {
      const [task = '', node] = need.split('@')
      return [{ task, on: node === undefined ? undefined : [node], ...place }]
    }
    return need.task === undefined ? [] : [{ task: need.task, on: listOf(need.on), ...place }]
  })
}

/** A selector or a list of them, without the unsound ones. */
export function listOf(selectors: string | readonly (string | undefined)[] | undefined): readonly string[] | undefined {
  if (typeof selectors === 'string') return [selectors]
  return selectors?.filter((selector) => selector !== undefined)
}
