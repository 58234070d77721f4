import type { Argument, Option } from 'commander'
import { commands } from '../commands/index.ts'
import type { Candidate, LabNames } from './lab-names.ts'

/** What can stand in a place: these words, or names of files or folders, which the shell knows best. */
export type Values = readonly Candidate[] | 'files' | 'folders'

type Asked = {
  readonly names: LabNames
  /** The command that is completed, by its name. */
  readonly command: string
  readonly current: string
}

const words = (...values: readonly string[]): readonly Candidate[] => values.map((value) => ({ value, about: '' }))

/** Commands that know the hypervisor as a node, and those that take `all` for every task. */
const withHypervisor = new Set(['run', 'plan', 'doctor'])
const withAll = new Set(['run', 'plan', 'graph'])

/** What a value is, by the word that stands for it in the help: `--on <node...>`, `[task]`. */
export const sources: Readonly<Record<string, (asked: Asked) => Values>> = {
  task: ({ names, command }) => [
    ...(withAll.has(command) ? [{ value: 'all', about: 'every task' }] : []),
    ...names.tasks(),
  ],
  node: ({ names, command }) =>
    names.nodes().filter(({ value }) => value !== 'hypervisor' || withHypervisor.has(command)),
  'task[@node]'({ names, current }) {
    const tasks = names.tasks()
    const begun = tasks.filter(({ value }) => value.startsWith(current.split('@')[0] as string))
    const named = current.includes('@') ? begun.filter(({ value }) => current.startsWith(`${value}@`)) : begun
    // The nodes come up once it is clear which task is meant: all instances at once would be a long list.
    const instances = named.length === 1 && current !== '' ? names.instances(named[0]?.value ?? '') : []
    return current.includes('@') ? instances : [...tasks, ...instances]
  },
  'command or task': ({ names }) => [
    ...Object.entries(commands).map(([value, { summary }]) => ({ value, about: summary })),
    ...names.tasks().filter(({ value }) => !(value in commands)),
  ],
  id: ({ names }) => names.runs(),
  arch: () => words('amd64', 'arm64'),
  file: () => 'files',
  path: () => 'files',
  key: () => 'files',
  dir: () => 'folders',
}

/** The word that stands for a value in the help, without what says how often it may be given. */
export const placeholderOf = (part: Option | Argument): string =>
  ('flags' in part ? (/[<[](.+)[>\]]$/.exec(part.flags)?.[1] ?? '') : part.name()).replace(/\.\.\.$/, '')

/** What can be given to an option or an argument; nothing where kedge cannot know. */
export function valuesOf(part: Option | Argument, asked: Asked): Values {
  if (part.argChoices) return words(...part.argChoices)
  return sources[placeholderOf(part)]?.(asked) ?? []
}
