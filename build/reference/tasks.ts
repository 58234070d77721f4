import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import type { Need, Wiring } from '../../lib/topology/topology.ts'
import { tasks } from '../../tasks/index.ts'
import { code, page, table } from './markdown.ts'

/** Every built-in task, and how the embedded lab file wires it. */
export function tasksPage(): string {
  const base = readFileSync(join(import.meta.dir, '../../kedge.config.yaml'), 'utf8')
  const loaded = loadTopology(base, 'kedge.config.yaml', { tasks: new Set(Object.keys(tasks)), base })
  if (!loaded.ok) throw new Error('the embedded lab does not load')
  const wiring = new Map(loaded.topology.tasks.map((each) => [each.name, each]))
  return page(
    'Tasks',
    'tasks/*.ts and kedge.config.yaml',
    'The built-in tasks, in the order of the story. Each looks first, changes only what is missing, and looks again. Where it runs, what it waits for, its timeout and its retries stand in the lab file and can be changed there ([tasks](configuration.md#tasks)); here is what holds where the file says nothing. `kedge help TASK` says how it is in your lab.',
    table(
      ['step', 'task', 'does', 'runs on'],
      Object.entries(tasks).map(([name, { step, description }]) => [
        step === undefined ? '+' : String(step),
        `[${name}](#${name})`,
        description,
        wiring.get(name)?.on.join(', ') ?? '-',
      ]),
    ),
    ...Object.entries(tasks).flatMap(([name, task]) => [
      `## ${name}`,
      `${task.description}.`,
      table(
        ['', ''],
        [
          ...(task.checks ? [['done when', task.checks]] : []),
          ...(task.changes ? [['otherwise it', task.changes]] : []),
          ...wired(wiring.get(name)),
          ...(task.assets?.length ? [['needs of the bundle', task.assets.map(code).join(', ')]] : []),
        ],
      ),
    ]),
  )
}

const wired = (wiring: Wiring | undefined): readonly (readonly string[])[] =>
  wiring === undefined
    ? []
    : [
        ['runs on', wiring.on.map(code).join(', ')],
        ['waits for', wiring.needs.map(needText).join(', ') || '-'],
        ['phase', wiring.phase],
        ['timeout', `${wiring.timeoutSeconds / 60} min for one attempt`],
        ['retries', String(wiring.retries)],
      ]

const needText = ({ task, on }: Need): string => (on ? `${code(task)} on ${on.join(', ')}` : `[${task}](#${task})`)
