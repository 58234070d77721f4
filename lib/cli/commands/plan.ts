import type { Instance } from '../../plan/plan.ts'
import { selectInstances } from '../../plan/select-instances.ts'
import { table } from '../../report/table.ts'
import type { Command, GlobalOptions } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { mustKnow, openLab } from '../lab.ts'
import { type Look, look } from '../look.ts'

type PlanOptions = GlobalOptions & {
  readonly offline?: boolean
  readonly json?: boolean
  readonly on?: readonly string[]
}

const signs = { pending: '+', done: '=', unknown: '?' } as const

export default {
  configure: (program) =>
    program
      .argument('[task...]', 'names of tasks (default: all)')
      .option('--on <node...>', 'the named tasks on these nodes only, with what they need')
      .option('--offline', 'touch no host: the graph alone')
      .option('--json', 'as JSON')
      .addHelpText(
        'after',
        '\nExamples:\n  kedge plan\n  kedge plan join-edge --on edge-1\n  kedge plan --offline --json\n',
      ),

  async run(terminal, words, options: PlanOptions) {
    const lab = openLab(terminal, options)
    const tasks = words.length > 0 ? words : ['all']
    mustKnow('task', tasks, ['all', ...lab.topology.tasks.map(({ name }) => name)])
    mustKnow('node', options.on ?? [], ['hypervisor', ...lab.topology.nodes.map(({ name }) => name)])
    const { instances } = selectInstances(lab.plan, { tasks, ...(options.on ? { on: options.on } : {}) })
    if (options.offline) {
      terminal.write(options.json ? asJson(instances) : offlineText(instances))
      return exitCodes.done
    }
    const seen = await look(terminal, lab, instances)
    terminal.write(options.json ? asJson(instances, seen) : asText(instances, seen))
    return seen.exitCode
  },
} satisfies Command

function asJson(instances: readonly Instance[], seen?: Look): string {
  const rows = instances.map((instance) => ({ ...instance, ...seen?.verdicts.get(instance.id) }))
  return `${JSON.stringify({ instances: rows }, null, 2)}\n`
}

function offlineText(instances: readonly Instance[]): string {
  const rows = instances.map(({ id, phase, waitsFor }) => [id, phase, waitsFor.join(' ') || '-'])
  return `${table([['instance', 'phase', 'waits for'], ...rows]).join('\n')}\n\n${instances.length} instances\n`
}

function asText(instances: readonly Instance[], { verdicts }: Look): string {
  const found = instances.map(({ id }) => ({
    id,
    ...(verdicts.get(id) ?? { state: 'unknown' as const, why: 'was not looked at' }),
  }))
  const count = (state: keyof typeof signs) => found.filter((row) => row.state === state).length
  const unknown = count('unknown') > 0 ? `, ${count('unknown')} could not be looked at` : ''
  const rows = found.map(({ id, state, why }) => [signs[state], id, why])
  return `${table(rows).join('\n')}\n\n${count('pending')} to do, ${count('done')} done${unknown}\n`
}
