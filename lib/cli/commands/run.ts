import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { InvalidArgumentError } from 'commander'
import type { Event, Reporter } from '../../event/event.ts'
import { refused } from '../../event/failure.ts'
import { type Journal, openJournal } from '../../event/journal.ts'
import { lockLab } from '../../event/lab-lock.ts'
import { logFiles } from '../../event/log-files.ts'
import { createRecorder } from '../../event/recorder.ts'
import { endLeftovers, processMark } from '../../host/guard.ts'
import { mustHoldBroker } from '../../kubeedge/mqtt.ts'
import type { Plan } from '../../plan/plan.ts'
import { selectInstances } from '../../plan/select-instances.ts'
import { foldRun } from '../../report/fold-run.ts'
import { summary } from '../../report/summary.ts'
import { execute } from '../../run/execute.ts'
import type { Architecture } from '../../topology/topology.ts'
import { type Command, type GlobalOptions, wantsColor } from '../command.ts'
import { CliError, exitCodeOf, exitCodes } from '../exit-codes.ts'
import { type Lab, labHeld, makeStateFolder, mustKnow, openLab } from '../lab.ts'
import { chooseReporter } from '../reporter.ts'
import { runId } from '../run-id.ts'
import { openSession, type Session } from '../session.ts'

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
      .addHelpText(
        'after',
        '\nExamples:\n  kedge run all\n  kedge run join-edge --on edge-2\n  kedge run all --dry-run\n',
      ),

  async run(terminal, words, options: RunOptions) {
    const lab = openLab(terminal, options)
    const plan = selectPlan(lab, words, options)
    makeStateFolder(lab)
    const lock = lockLab(lab.stateFolder, `kedge run ${words.join(' ')}`, processMark)
    if (!lock.ok) throw labHeld(lab, lock.holder)
    await endLeftovers(lock.marksOfKilled)
    const journal = openJournal(join(lab.stateFolder, 'journal.sqlite'))
    mustBeOf(lab, journal)
    const session = await openSession(terminal, lab, options.seed)
    const run = runId(new Date())
    const events: Event[] = []
    const keep: Reporter = (event) => {
      if (event.type !== 'task-output' && event.type !== 'task-checking') events.push(event)
    }
    const emit = createRecorder(
      run,
      () => new Date(),
      journal.record,
      [keep, logFiles(lab.stateFolder), chooseReporter(terminal, options)],
      (error) => terminal.error(`kedge: a display failed and was switched off: ${String(error)}\n`),
    )
    try {
      const limits = {
        jobs: options.jobs ?? defaultJobs(lab),
        dryRun: options.dryRun ?? false,
        force: options.force ?? false,
        keepGoing: options.keepGoing ?? false,
      }
      if (plan.instances.some(({ task }) => task === 'load-images')) mustHoldBroker(lab.topology, imagesIn(session))
      const outcome = await execute(plan, session.world, emit, limits, terminal.signal)
      const text = summary(foldRun(events), {
        color: wantsColor(terminal, options),
        wanted: words.join(' '),
        log: relative(terminal.cwd, join(lab.stateFolder, 'runs', run)),
        ...(terminal.errorStream.columns ? { width: terminal.errorStream.columns } : {}),
        ...(options.quiet ? { quiet: true } : {}),
        ...(options.config ? { kedge: `kedge -c ${options.config}` } : {}),
      })
      terminal.error(text.endsWith('\n') ? text : `${text}\n`)
      if (outcome.result === 'interrupted') return exitCodes.interrupted
      return exitCodeOf([...outcome.failures.values()].map(({ kind }) => kind))
    } finally {
      await session.close()
      journal.close()
      lock.release()
    }
  },
} satisfies Command

/** A state folder that was copied from another lab has keys and a history that are not this lab's. */
function mustBeOf(lab: Lab, journal: Journal): void {
  const { topology, stateFolder } = lab
  const owner = journal.lab()
  if (owner === undefined || owner === topology.lab) return
  throw refused(
    `${stateFolder} is the state of lab ${owner}, not of ${topology.lab}`,
    'move that folder away, or give another one with --state',
  )
}

const imagesIn =
  ({ surroundings }: Session) =>
  (architecture: Architecture) =>
    surroundings
      .bundle()
      .assets('image', architecture)
      .map(({ name }) => name)

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

/** Nodes wait far more than this machine works: room for each of them and some more, within bounds. */
const defaultJobs = (lab: Lab) => Math.min(256, Math.max(2 * availableParallelism(), lab.topology.nodes.length * 2))

function positiveInteger(text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new InvalidArgumentError('a whole number above 0 is needed.')
}
