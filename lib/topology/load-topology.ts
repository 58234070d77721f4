import { buildTopology } from './build-topology.ts'
import { checkShape } from './check-shape.ts'
import { makeDraft } from './draft.ts'
import { mergeTasks, type TaskSource } from './merge-tasks.ts'
import type { Raw } from './raw.ts'
import { checkAddresses } from './rules/check-addresses.ts'
import { checkCluster, type Versions } from './rules/check-cluster.ts'
import { checkCycles } from './rules/check-cycles.ts'
import { checkNames } from './rules/check-names.ts'
import { checkNetworks } from './rules/check-networks.ts'
import { checkNodes } from './rules/check-nodes.ts'
import { checkTasks } from './rules/check-tasks.ts'
import type { Problem, Topology } from './topology.ts'
import { mostProblems, readYaml, type YamlFile } from './yaml-file.ts'

/** What a file is read against. */
export type Known = {
  /** Names of the built-in tasks and of the user's own scripts. */
  readonly tasks: ReadonlySet<string>
  /** Text of the embedded `kedge.config.yaml`: its wiring and versions hold where the user's file says nothing. */
  readonly base: string
}

export type Loaded =
  | { readonly ok: true; readonly topology: Topology }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Under which name problems speak of the embedded file. */
export const embeddedFile = 'embedded kedge.config.yaml'

/**
 * A lab file's text as a topology, or everything that is wrong with it, in the order of the file. `file` is its path as the
 * user gave it; relative paths in the text count from its folder. Touches no disk.
 */
export function loadTopology(text: string, file: string, known: Known): Loaded {
  const own = readFile(file, text)
  const base = text === known.base ? own : readFile(embeddedFile, known.base)
  const problems = [...own.problems, ...(base === own ? [] : base.problems)]
  if (!own.yaml || !base.yaml) return refuse(problems)

  const draft = makeDraft(own.yaml, own.raw)
  const versions = versionsOf(base.raw)
  const tasks = mergeTasks(draft.isCluster ? sourceOf(base) : undefined, sourceOf(own))
  const rules = [
    () => checkNames(draft),
    () => checkNetworks(draft),
    () => checkAddresses(draft),
    () => checkNodes(draft),
    () => checkCluster(draft, versions),
  ]
  for (const rule of rules) for (const complaint of few(rule())) problems.push(own.yaml.problem(complaint))
  for (const complaint of few(checkTasks(tasks, draft, known.tasks))) problems.push(complaint.file.problem(complaint))
  for (const complaint of few(checkCycles(tasks, own.yaml))) problems.push(complaint.file.problem(complaint))
  return problems.length > 0 ? refuse(problems) : { ok: true, topology: buildTopology(draft, tasks, versions) }
}

/** A rule looks no further than to its last complaint that is told. */
function* few<Complaint>(complaints: Iterable<Complaint>): Iterable<Complaint> {
  let left = mostProblems
  for (const complaint of complaints) {
    yield complaint
    if (--left === 0) return
  }
}

type ReadFile = { readonly yaml?: YamlFile; readonly raw: Raw; readonly problems: readonly Problem[] }

function readFile(file: string, text: string): ReadFile {
  const { yaml, problems } = readYaml(file, text)
  if (!yaml) return { raw: {}, problems }
  const { raw, complaints } = checkShape(yaml)
  return {
    ...(raw ? { yaml } : {}),
    raw: raw ?? {},
    problems: [...problems, ...complaints.map((complaint) => yaml.problem(complaint))],
  }
}

const sourceOf = ({ yaml, raw }: ReadFile): TaskSource | undefined =>
  yaml && raw.tasks && { file: yaml, tasks: raw.tasks }

const versionsOf = (base: Raw): Versions => ({
  kubernetes: base.kubernetes?.version ?? '',
  kubeedge: base.kubeedge?.version ?? '',
})

/** In the order of the file, the user's file first, each once, and no more of them than anybody would read. */
function refuse(problems: readonly Problem[]): Loaded {
  const rank = ({ file }: Problem): number => (file === embeddedFile ? 1 : 0)
  const sorted = [...problems].sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column)
  const seen = new Set<string>()
  const isNew = ({ file, line, column, message }: Problem): boolean => {
    const key = [file, line, column, message].join('\0')
    return !seen.has(key) && seen.add(key) !== undefined
  }
  return { ok: false, problems: sorted.filter(isNew).slice(0, mostProblems) }
}
