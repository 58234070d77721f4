import type { InstanceId } from '../../event/event.ts'
import type { ListedMachine } from '../../machine/libvirt-inventory.ts'
import type { Instance } from '../../plan/plan.ts'
import { namedInstances, selectInstances } from '../../plan/select-instances.ts'
import { asciiText } from '../../report/clean-line.ts'
import { printableJson } from '../../report/json.ts'
import { type PlanView, planText } from '../../report/plan-text.ts'
import { asTyped } from '../as-typed.ts'
import { type Command, type GlobalOptions, type Terminal, wantsColorInData, wantsUnicode } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { explainPlan, knowledgeOf } from '../explain-plan.ts'
import { type Lab, mustKnow, openLab } from '../lab.ts'
import { lookThrough } from '../look.ts'
import { machinesOf } from '../machines-of.ts'
import { pastOf } from '../past-of.ts'
import { removedNodes, usesLibvirt } from '../removed-nodes.ts'
import { openSession } from '../session.ts'

type PlanOptions = GlobalOptions & {
  readonly offline?: boolean
  readonly json?: boolean
  readonly force?: boolean
  readonly on?: readonly string[]
}

export default {
  configure: (program) =>
    program
      .argument('[task...]', 'names of tasks (default: all)')
      .option('--on <node...>', 'the named tasks on these nodes only, with what they need')
      .option('--offline', 'ask no host: what the journal knows, and how old that is')
      .option('--force', 'as if the named tasks were run with --force')
      .option('--json', 'as JSON')
      .addHelpText(
        'after',
        `
  +  to do, and why: never run, failed, what it was given has changed, or what its check says is missing
  ~  drifted: kedge had it done, and it is so no longer, in the words of its check
  =  done: counted; -v names them
  ?  not known: its check could not be asked
  -  a node that the file no longer names, and what \`kedge destroy --node\` would do

Nodes of which the same is to be said stand together, <node> and <address> for what is each one's own.

JSON: { lab, offline, asOf, summary: { pending, drifted, done, unknown }, removed: [{ node, does, command }],
  instances: [{ id, task, node, phase, waitsFor, timeoutSeconds, retries, state, why, cure, reason, after, changed }] }
  state: pending | drifted | done | unknown. reason, where it is not done: never-run | inputs-changed | drifted | failed |
  unfinished | running | waiting | always | forced | not-asked. asOf: with --offline the time that the journal knows of last.

Exit code: 0 all could be looked at, whether something is to do or not; 4 a host is unreachable, 5 a check failed, 7 the
bundle is incomplete or damaged.

Examples:
  kedge plan
  kedge plan join-edge --on edge-1
  kedge plan --offline --json
`,
      ),

  async run(terminal, words, options: PlanOptions) {
    const lab = openLab(terminal, options)
    const tasks = words.length > 0 ? words : ['all']
    mustKnow('task', tasks, ['all', ...lab.topology.tasks.map(({ name }) => name)])
    mustKnow('node', options.on ?? [], ['hypervisor', ...lab.topology.nodes.map(({ name }) => name)])
    const selection = { tasks, ...(options.on ? { on: options.on } : {}) }
    const { instances } = selectInstances(lab.plan, selection)
    const past = pastOf(lab)
    const forced = options.force ? namedInstances(lab.plan, selection) : new Set<InstanceId>()
    const knowledge = knowledgeOf(lab, past, forced)
    const { held } = knowledge
    const hasVms = usesLibvirt(lab.topology, lab.stateFolder)
    const removed = (machines?: readonly ListedMachine[]) =>
      removedNodes(lab.topology, past.lastKnown.keys(), machines, { hasVms, kedge: asTyped(terminal, options) })

    if (options.offline) {
      const at = past.end?.at
      const ageSeconds = at === undefined ? 0 : (Date.now() - Date.parse(at)) / 1000
      const journal = { ...(past.end ? { run: past.end.run, at: past.end.at } : {}), ageSeconds }
      const rows = explainPlan(instances, knowledge)
      show(terminal, lab, options, { rows, removed: removed(), journal, ...(held ? { held } : {}) }, instances)
      return exitCodes.done
    }
    const session = await openSession(terminal, lab)
    try {
      const [seen, machines] = await Promise.all([
        lookThrough(session, terminal, lab, instances, past, forced),
        machinesOf(session, terminal, lab),
      ])
      const { inputs = knowledge.inputs } = session.world
      const rows = explainPlan(instances, { ...knowledge, inputs }, seen.verdicts)
      show(terminal, lab, options, { rows, removed: removed(machines), ...(held ? { held } : {}) }, instances)
      return seen.exitCode
    } finally {
      await session.close()
    }
  },
} satisfies Command

function show(
  terminal: Terminal,
  { topology }: Lab,
  options: PlanOptions,
  view: PlanView,
  instances: readonly Instance[],
): void {
  if (options.json) {
    terminal.write(`${printableJson(asData(topology.lab, view, instances), undefined, 2)}\n`)
    return
  }
  const text = planText(view, {
    color: wantsColorInData(terminal, options),
    verbose: options.verbose ?? false,
    ...(terminal.columns ? { width: terminal.columns } : {}),
  })
  terminal.write(terminal.columns && !wantsUnicode(terminal) ? asciiText(text) : text)
}

function asData(lab: string, { rows, removed, journal }: PlanView, instances: readonly Instance[]): object {
  const summary = { pending: 0, drifted: 0, done: 0, unknown: 0 }
  for (const { state } of rows) summary[state] += 1
  return {
    lab,
    offline: journal !== undefined,
    ...(journal?.at ? { asOf: journal.at } : {}),
    summary,
    removed,
    instances: instances.map((instance, at) => ({ ...instance, ...rows[at] })),
  }
}
