import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import embeddedText from '../../kedge.config.yaml' with { type: 'text' }
import { tasks as builtIn } from '../../tasks/index.ts'
import { readSmallFile } from '../host/read-small-file.ts'
import { labFileName, type PackedFile, readFiles } from '../pack/pack-files.ts'
import { buildPlan } from '../plan/build-plan.ts'
import type { Plan } from '../plan/plan.ts'
import { ownTaskFiles, ownTasksAmong } from '../task/own-tasks.ts'
import type { FileRange, Task } from '../task/task.ts'
import { formatProblems } from '../topology/format-problem.ts'
import { loadTopology } from '../topology/load-topology.ts'
import { nearest } from '../topology/nearest.ts'
import type { Topology } from '../topology/topology.ts'
import { mostProblems } from '../topology/yaml-file.ts'
import { type GlobalOptions, type Terminal, wantsColor } from './command.ts'
import { CliError, exitCodes } from './exit-codes.ts'
import { type Caller, labFileAbove } from './lab-file-above.ts'
import { stateRootOf } from './state-root.ts'

/** A loaded lab: what a command works on. */
export type Lab = {
  readonly topology: Topology
  readonly plan: Plan
  /** `<state>/<lab>`, absolute; made by `makeStateFolder`. */
  readonly stateFolder: string
  /** Files of own tasks by name; they win over built-in ones. */
  readonly ownTasks: ReadonlyMap<string, string>
  /** The folder, the file, or the part of the running program that is the lab's bundle. */
  readonly bundle?: string | FileRange
  /** What is to be laid out in `dirname(topology.file)` before anything of the lab is run: a pack carries it. */
  readonly carried?: readonly PackedFile[]
}

const defaultName = labFileName

/**
 * Loads the lab file that the options name, or the one here, or the nearest one in the folders above, or the one that this
 * program carries; a line says so where it is not here. A pack looks no further than here: what it carries is nearer.
 */
export function openLab(terminal: Terminal, options: GlobalOptions): Lab {
  const source = sourceOf(terminal, options)
  const { file, text, carried } = source
  const ownTasks = carried
    ? ownTasksAmong(
        dirname(file),
        carried.flatMap(({ path }) => (dirname(path) === 'tasks' ? [basename(path)] : [])),
      )
    : ownTaskFiles(dirname(file))
  const known = new Set([...Object.keys(builtIn), ...ownTasks.keys()])
  const loaded = loadTopology(text, file, { tasks: known, base: embeddedText })
  if (!loaded.ok) {
    const text = formatProblems(loaded.problems, { color: wantsColor(terminal, options) })
    const more = loaded.problems.length < mostProblems ? '' : `\nthese are the first ${mostProblems} complaints\n`
    throw new CliError(exitCodes.configuration, `${text.endsWith('\n') ? text : `${text}\n`}${more}`)
  }
  const { topology } = loaded
  const bundle = carried ? terminal.pack?.bundle : (topology.bundle ?? terminal.pack?.bundle)
  return {
    topology,
    plan: buildPlan(topology),
    stateFolder: join(source.stateRoot, topology.lab),
    ownTasks,
    ...(bundle === undefined ? {} : { bundle }),
    ...(carried ? { carried } : {}),
  }
}

type Source = {
  readonly file: string
  readonly text: string
  readonly stateRoot: string
  readonly carried?: readonly PackedFile[]
}

function sourceOf(terminal: Terminal, options: GlobalOptions): Source {
  const given = options.config
  const say = (text: string) => options.quiet || terminal.error(text)
  const { cwd, pack } = terminal
  const here = resolve(cwd, given ?? defaultName)
  const above = given === undefined && !pack && !existsSync(here) ? labFileAbove(cwd, callerOf(terminal)) : undefined
  const file = above ?? here
  const stateRoot = stateRootOf(terminal, options, dirname(file))
  if (above) say(`using ${relative(cwd, above)}\n`)
  if (above || given !== undefined || existsSync(here)) {
    return { file, stateRoot, text: readConfig(file, given ?? relative(cwd, file)) }
  }
  if (!pack) {
    say(`no ${defaultName} here: using the embedded reference lab\n`)
    return { file, stateRoot, text: embeddedText }
  }
  say(`no ${defaultName} here: using the lab ${pack.claims.lab} that this program carries\n`)
  const carried = readFiles(pack.files)
  const text = carried.find(({ path }) => path === labFileName)?.content.toString() ?? ''
  return { file: join(stateRoot, 'packed', labFileName), stateRoot, text, carried }
}

const callerOf = ({ env }: Terminal): Caller => ({
  uid: process.getuid?.() ?? 0,
  ...(env.SUDO_UID && process.getuid?.() === 0 ? { asked: Number(env.SUDO_UID) } : {}),
})

function readConfig(path: string, shown: string): string {
  const read = readSmallFile(path)
  if ('text' in read) return read.text
  throw new CliError(exitCodes.configuration, `${shown}: ${read.why}`)
}

/** The state folder holds keys: nobody else may look in, also where it was copied from elsewhere without its mode. */
export function makeStateFolder({ stateFolder }: Lab): void {
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 })
  if ((statSync(stateFolder).mode & 0o077) !== 0) chmodSync(stateFolder, 0o700)
}

export const builtInTask = (name: string): Task | undefined => builtIn[name]

/** Refuses names that are not in the list, with the nearest one. Exit 2. */
export function mustKnow(kind: string, names: readonly string[], known: readonly string[]): void {
  for (const name of names) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    throw new CliError(exitCodes.usage, `there is no ${kind} ${name}${near ? `; did you mean ${near}?` : ''}`)
  }
}
