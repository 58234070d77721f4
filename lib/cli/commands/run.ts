import { InvalidArgumentError } from 'commander'
import type { Plan } from '../../plan/plan.ts'
import { namedInstances, selectInstances } from '../../plan/select-instances.ts'
import { shellWord } from '../../report/shell-word.ts'
import { builtInTasks } from '../built-in-tasks.ts'
import type { Command, GlobalOptions, Terminal } from '../command.ts'
import { CliError, type ExitCode, exitCodeOf, exitCodes } from '../exit-codes.ts'
import { type HeldLab, holdLab } from '../hold-lab.ts'
import { type Lab, mustKnow, openLab } from '../lab.ts'

type RunOptions = GlobalOptions & {
  readonly on?: readonly string[]
  readonly skip?: readonly string[]
  readonly jobs?: number
  readonly dryRun?: boolean
  readonly force?: boolean
  readonly only?: boolean
  readonly keepGoing?: boolean
  readonly json?: boolean
  readonly seed?: number
  readonly doctor?: boolean
}

export default {
  configure: (program) =>
    program
      .argument('<task...>', 'names of tasks, or all')
      .option('--on <node...>', 'the named tasks on these nodes only, with what they need')
      .option('--skip <task...>', 'take these tasks as done')
      .option('--jobs <n>', 'how many instances run at once', positiveInteger)
      .option('--dry-run', 'look, and say what would be done')
      .option('--force', 'run the named tasks even where they are done')
      .option('--only', 'the named tasks alone, without what they need')
      .option('--keep-going', 'try what waits for a failed instance as well')
      .option('--json', 'events, one JSON object a line')
      .option('--seed <n>', 'start instances that are ready together in the order of this seed', positiveInteger)
      .option('--no-doctor', 'begin although a look at the hosts says that it cannot go well')
      .addHelpText(
        'after',
        `
Before kedge makes a lab it looks whether the hosts are fit for it, as \`kedge doctor\` does, as far as that takes no time that
is felt. What is only doubtful is a line. Where a host is not fit nothing is touched, and the exit code is 5.

Examples:
  kedge run all
  kedge run join-edge --on edge-2
  kedge run all --dry-run
`,
      ),

  async run(terminal, words, options: RunOptions) {
    const lab = openLab(terminal, options)
    const plan = selectPlan(lab, words, options)
    const held = await holdLab(terminal, lab, options, `kedge run ${words.join(' ')}`)
    try {
      const unfit = options.doctor === false ? undefined : await lookFirst(terminal, lab, held, plan, options)
      if (unfit !== undefined) return unfit
      const outcome = await held.run(plan, {
        words: [
          ...words.map(shellWord),
          ...again(options, ['on', 'skip', 'only', 'force', 'keepGoing']),
          ...(options.doctor === false ? ['--no-doctor'] : []),
        ].join(' '),
        alike: again(options, ['skip', 'only']).join(' '),
        ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
        dryRun: options.dryRun ?? false,
        force: options.force ? namedInstances(plan, { tasks: words, ...options }) : false,
        keepGoing: options.keepGoing ?? false,
        json: options.json ?? false,
      })
      if (outcome.result === 'interrupted') return exitCodes.interrupted
      return exitCodeOf([...outcome.failures.values()].map(({ kind }) => kind))
    } finally {
      await held.close()
    }
  },
} satisfies Command

/** Only for labs that kedge's own tasks make: a run of somebody's own tasks does not even read that code. */
async function lookFirst(
  terminal: Terminal,
  lab: Lab,
  { session }: HeldLab,
  plan: Plan,
  options: RunOptions,
): Promise<ExitCode | undefined> {
  const builtIn = builtInTasks(lab)
  const own = plan.instances.filter(({ task }) => builtIn.has(task))
  if (own.length === 0) return undefined
  const { lookBeforeRun } = await import('../look-before-run.ts')
  return await lookBeforeRun(terminal, session, own, options)
}

/** These options as they would be typed again. */
function again(options: RunOptions, names: readonly (keyof typeof flags)[]): readonly string[] {
  return names.flatMap((name) => {
    const value = options[name]
    if (!value) return []
    return [flags[name], ...(value === true ? [] : value.map(shellWord))]
  })
}

const flags = { on: '--on', skip: '--skip', only: '--only', force: '--force', keepGoing: '--keep-going' } as const

function selectPlan(lab: Lab, words: readonly string[], options: RunOptions): Plan {
  const names = lab.topology.tasks.filter(({ removed }) => !removed).map(({ name }) => name)
  const nodes = ['hypervisor', ...lab.topology.nodes.map(({ name }) => name)]
  mustKnow('task', words, ['all', ...names])
  mustKnow('task', options.skip ?? [], names)
  mustKnow('node', options.on ?? [], nodes)
  const plan = selectInstances(lab.plan, { tasks: words, ...options })
  if (plan.instances.length > 0) return plan
  throw new CliError(
    exitCodes.usage,
    `${words.join(', ')} ${options.on ? `on ${options.on.join(', ')} ` : ''}selects nothing to run`,
  )
}

function positiveInteger(text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new InvalidArgumentError('a whole number above 0 is needed.')
}
