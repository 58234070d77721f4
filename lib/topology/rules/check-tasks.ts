import type { Draft } from '../draft.ts'
import { listOf, type NeedDraft, type TaskDraft } from '../merge-tasks.ts'
import { parseDurationSeconds } from '../quantity.ts'
import { groupSelectors, selects } from '../select-nodes.ts'
import type { Role } from '../topology.ts'
import { didYouMean, quoted } from '../wording.ts'
import type { Complaint, YamlFile } from '../yaml-file.ts'

/** A complaint that may be about the embedded file. */
export type TaskComplaint = Complaint & { readonly file: YamlFile }

const longestTimeoutSeconds = 24 * 3600

/** The graph's entries one by one: what they run, where, and that everything they name exists. */
export function* checkTasks(
  tasks: readonly TaskDraft[],
  draft: Draft,
  knownTasks: ReadonlySet<string>,
): Iterable<TaskComplaint> {
  const byName = new Map(tasks.map((task) => [task.name, task]))
  const nodes = new Map(draft.nodes.map((node) => [node.name, node.role]))
  const selectors = { known: new Set<string>([...nodes.keys(), ...groupSelectors]), nodes }
  for (const task of tasks) {
    if (!task.isSound) continue
    const mistakes = [...checkCode(task, byName, knownTasks)]
    yield* mistakes
    // A name that nothing is known of is probably misspelt; `on` would only be missing because of that.
    if (task.entry.on !== undefined || mistakes.length === 0) yield* checkOn(task, selectors.known)
    for (const need of task.needs) if (!need.isBefore) yield* checkNeed(task, need, 'needs', byName, selectors)
    if (!task.removed) for (const need of task.before) yield* checkNeed(task, need, 'before', byName, selectors)
    yield* checkFiles(task)
    const timeout = task.entry.timeout
    if (timeout !== undefined && !isBetween(1, parseDurationSeconds(timeout), longestTimeoutSeconds)) {
      const path = ['tasks', task.name, 'timeout']
      yield {
        file: task.fileOf('timeout'),
        path,
        message: `${quoted(timeout)} is no timeout`,
        hint: 'from `1s` to `24h`',
      }
    }
  }
}

const isBetween = (least: number, value: number, most: number): boolean => value >= least && value <= most

function* checkCode(
  { name, removed, entry, file, fileOf }: TaskDraft,
  tasks: ReadonlyMap<string, TaskDraft>,
  knownTasks: ReadonlySet<string>,
): Iterable<TaskComplaint> {
  const path = ['tasks', name]
  if (removed) {
    // Nothing but `null` is known of a task that the embedded wiring does not have.
    if (entry.on !== undefined) return
    const others = [...tasks.values()].filter((task) => !task.removed).map((task) => task.name)
    const message = `there is no task ${quoted(name)} to take out`
    yield { file, path, mark: 'key', message, hint: didYouMean(name, others) }
    return
  }
  const says = (key: 'sh' | 'script' | 'check'): boolean => fileOf(key).has([...path, key])
  if (says('sh') && says('script')) {
    yield {
      file: fileOf('script'),
      path: [...path, 'script'],
      mark: 'key',
      message: '`sh` and `script` exclude each other',
    }
  }
  if (says('check') && !says('sh')) {
    const message = '`check` belongs to `sh`; a script brings its own'
    yield { file: fileOf('check'), path: [...path, 'check'], mark: 'key', message }
  }
  if (says('sh') || says('script') || knownTasks.has(name)) return
  yield {
    file,
    path,
    mark: 'key',
    message: `there is no task ${quoted(name)}, and it has neither \`sh\` nor \`script\``,
    hint: didYouMean(name, knownTasks) ?? `write it as \`tasks/${name}.ts\`, or give it \`sh\``,
  }
}

/** On the hypervisor commands run in the file's folder; on nodes nothing says where a relative path would begin. */
function* checkFiles({ name, entry, fileOf }: TaskDraft): Iterable<TaskComplaint> {
  const isOnNodes = listOf(entry.on)?.some((selector) => selector !== 'hypervisor') ?? false
  for (const key of ['inputs', 'outputs'] as const) {
    const said = entry[key]
    const file = fileOf(key)
    for (const [index, text] of (listOf(said) ?? []).entries()) {
      const path = ['tasks', name, key, ...(typeof said === 'string' ? [] : [index])]
      if (key === 'outputs' && text.startsWith('!')) {
        const message = '`!` takes files out of `inputs`; of `outputs` each is there or not'
        yield { file, path, message, hint: 'name what has to be there' }
      } else if (isOnNodes && !/^!?(?:\/|~(?:\/|$))/.test(text)) {
        const message = `${quoted(text)} is relative, and ${quoted(name)} runs on nodes`
        yield { file, path, message, hint: 'on nodes a path begins with `/` or `~/`' }
      }
    }
  }
}

function* checkOn(task: TaskDraft, known: ReadonlySet<string>): Iterable<TaskComplaint> {
  const { entry, file, fileOf, name } = task
  const path = ['tasks', name, 'on']
  if (entry.on === undefined) {
    if (!fileOf('on').has(path)) {
      yield {
        file,
        path,
        message: `${quoted(name)} does not say where it runs: \`on\` is missing`,
        hint: 'for example `on: edge`',
      }
    }
    return
  }
  yield* checkSelectors(fileOf('on'), path, entry.on, known)
}

function* checkSelectors(
  file: YamlFile,
  path: readonly (string | number)[],
  on: string | readonly (string | undefined)[],
  known: ReadonlySet<string>,
): Iterable<TaskComplaint> {
  const selectors = typeof on === 'string' ? [on] : on
  for (const [index, selector] of selectors.entries()) {
    if (selector === undefined || known.has(selector)) continue
    yield {
      file,
      path: typeof on === 'string' ? path : [...path, index],
      message: `there is no node, role or group ${quoted(selector)}`,
      hint:
        selector === 'all'
          ? '`nodes` means all of them'
          : (didYouMean(selector, known) ?? `besides nodes: ${groupSelectors.join(', ')}`),
    }
  }
}

type Selectors = { readonly known: ReadonlySet<string>; readonly nodes: ReadonlyMap<string, Role | undefined> }

function* checkNeed(
  task: TaskDraft,
  need: NeedDraft,
  key: 'needs' | 'before',
  tasks: ReadonlyMap<string, TaskDraft>,
  selectors: Selectors,
): Iterable<TaskComplaint> {
  const { file, path } = need
  const isBefore = key === 'before'
  if (need.task === task.name) {
    yield { file, path, message: `${quoted(task.name)} ${isBefore ? 'is to come before' : 'needs'} itself` }
    return
  }
  const target = tasks.get(need.task)
  if (!target) {
    yield {
      file,
      path,
      message: `there is no task ${quoted(need.task)} to ${isBefore ? 'come before' : 'wait for'}`,
      hint: didYouMean(need.task, tasks.keys()),
    }
    return
  }
  if (isBefore && target.removed) {
    const message = `${quoted(need.task)} is taken out, so there is nothing to come before`
    yield { file, path, message, hint: 'name a task that waits for it instead' }
    return
  }
  const wanted = need.on?.filter((selector) => selector !== 'all')
  if (!wanted || wanted.length === 0) return
  const onPath = file.has([...path, 'on']) ? [...path, 'on'] : path
  yield* checkSelectors(file, onPath, wanted.length === 1 ? (wanted[0] ?? '') : wanted, selectors.known)
  const runsOn = listOf(target.entry.on)
  if (!runsOn) return
  for (const selector of wanted) {
    if (meets(selector, runsOn, selectors.nodes)) continue
    yield {
      file,
      path: onPath,
      message: `${quoted(need.task)} does not run on ${quoted(selector)}, so there is nothing to ${isBefore ? 'come before' : 'wait for'}`,
      hint: `it runs on ${runsOn.join(', ')}`,
    }
  }
}

/** Whether a selector means any place that a task runs on. A group without a node in this lab is no mistake. */
function meets(selector: string, runsOn: readonly string[], nodes: Selectors['nodes']): boolean {
  if (runsOn.includes(selector)) return true
  if (selector === 'hypervisor') return false
  let meansAny = false
  for (const [name, role] of nodes) {
    // A node whose role is not sound may be anything.
    if (role === undefined) return true
    const node = { name, role }
    if (!selects(selector, node)) continue
    meansAny = true
    if (runsOn.some((other) => selects(other, node))) return true
  }
  return !meansAny
}
