import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import embeddedText from '../../kedge.config.yaml' with { type: 'text' }
import { tasks as builtIn } from '../../tasks/index.ts'
import type { Holder } from '../event/lab-lock.ts'
import { readSmallFile } from '../host/read-small-file.ts'
import { buildPlan } from '../plan/build-plan.ts'
import type { Plan } from '../plan/plan.ts'
import { ownTaskFiles } from '../task/own-tasks.ts'
import type { Task } from '../task/task.ts'
import { formatProblems } from '../topology/format-problem.ts'
import { loadTopology } from '../topology/load-topology.ts'
import { nearest } from '../topology/nearest.ts'
import type { Topology } from '../topology/topology.ts'
import { mostProblems } from '../topology/yaml-file.ts'
import { type GlobalOptions, type Terminal, wantsColor } from './command.ts'
import { CliError, exitCodes } from './exit-codes.ts'

/** A loaded lab: what a command works on. */
export type Lab = {
  readonly topology: Topology
  readonly plan: Plan
  /** `<state>/<lab>`, absolute; made by `makeStateFolder`. */
  readonly stateFolder: string
  /** Files of own tasks by name; they win over built-in ones. */
  readonly ownTasks: ReadonlyMap<string, string>
}

const defaultName = 'kedge.config.yaml'

/** Loads the lab file that the options name, or the one here, or the embedded one with a line that says so. */
export function openLab(terminal: Terminal, options: GlobalOptions): Lab {
  const given = options.config
  const path = resolve(terminal.cwd, given ?? defaultName)
  const isEmbedded = given === undefined && !existsSync(path)
  if (isEmbedded && !options.quiet) terminal.error(`no ${defaultName} here: using the embedded reference lab\n`)
  const file = isEmbedded ? join(terminal.cwd, defaultName) : path
  const text = isEmbedded ? embeddedText : readConfig(path, given ?? defaultName)
  const ownTasks = ownTaskFiles(dirname(file))
  const known = new Set([...Object.keys(builtIn), ...ownTasks.keys()])
  const loaded = loadTopology(text, file, { tasks: known, base: embeddedText })
  if (!loaded.ok) {
    const text = formatProblems(loaded.problems, { color: wantsColor(terminal, options) })
    const more = loaded.problems.length < mostProblems ? '' : `\nthese are the first ${mostProblems} complaints\n`
    throw new CliError(exitCodes.configuration, `${text.endsWith('\n') ? text : `${text}\n`}${more}`)
  }
  const { topology } = loaded
  const stateRoot = options.state ? resolve(terminal.cwd, options.state) : join(dirname(file), '.kedge')
  return { topology, plan: buildPlan(topology), stateFolder: join(stateRoot, topology.lab), ownTasks }
}

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

/** Exit 6: who works on the lab, and since when. */
export function labHeld(lab: Lab, holder: Holder | undefined): CliError {
  const who = holder
    ? `\`${holder.command}\`, process ${holder.pid} on ${holder.host}, since ${holder.since}`
    : 'another kedge'
  return new CliError(exitCodes.labHeld, `lab ${lab.topology.lab} is held by ${who}`)
}
