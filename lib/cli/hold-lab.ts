import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import type { Event, InstanceId, Reporter } from '../event/event.ts'
import { refused } from '../event/failure.ts'
import { type Journal, openJournal } from '../event/journal.ts'
import { logFiles } from '../event/log-files.ts'
import { createRecorder } from '../event/recorder.ts'
import { mustHoldBroker } from '../kubeedge/mqtt.ts'
import type { Plan } from '../plan/plan.ts'
import { asciiText } from '../report/clean-line.ts'
import { foldRun } from '../report/fold-run.ts'
import { type Forecast, foresee } from '../report/forecast.ts'
import { summary } from '../report/summary.ts'
import { execute, type Limits, type Outcome } from '../run/execute.ts'
import type { Architecture } from '../topology/topology.ts'
import { asTyped } from './as-typed.ts'
import { type GlobalOptions, type Terminal, wantsColor } from './command.ts'
import { restoreLeftovers } from './isolated-nodes.ts'
import type { Lab } from './lab.ts'
import { chooseReporter, showsUnicode } from './reporter.ts'
import { runId } from './run-id.ts'
import { openSession, type Session } from './session.ts'
import { takeLab } from './take-lab.ts'
import { wasDoneBy } from './was-done.ts'

/** A lab that nobody else may write to until it is closed: its hosts within reach, its journal open. */
export type HeldLab = {
  readonly session: Session
  /** Runs a plan under the eyes of journal, logs and display, and says at its end how it went and what to type next. */
  run(plan: Plan, wanted: RunWishes): Promise<Outcome>
  close(): Promise<void>
}

export type RunWishes = Partial<Limits> & {
  /** What was asked for after `run`, with its options: the words that go on with it. */
  readonly words: string
  /** Of those the options that hold for a part of it as well. */
  readonly alike?: string
  /** Told each event beside the others. */
  readonly watch?: Reporter
  /** Events as JSON on stdout instead of a display. */
  readonly json?: boolean
}

/** Takes the lab for `command`, or says who holds it (exit 6), and puts back what a killed proof left behind. */
export async function holdLab(
  terminal: Terminal,
  lab: Lab,
  options: GlobalOptions & { readonly seed?: number },
  command: string,
): Promise<HeldLab> {
  const lock = await takeLab(lab, command)
  const journal = openJournal(join(lab.stateFolder, 'journal.sqlite'))
  mustBeOf(lab, journal)
  const session = await openSession(terminal, lab, options.seed, journal)
  await restoreLeftovers(terminal, lab, session)
  // What killed kedges left on a node ends at the first connection to it.
  let isSwept = false
  return {
    session,
    async run(plan, { words, alike, watch, json, ...limits }) {
      if (plan.instances.some(({ task }) => task === 'load-kubeedge-images'))
        mustHoldBroker(lab.topology, imagesIn(session))
      const run = runId(new Date())
      const events: Event[] = []
      const keep: Reporter = (event) => {
        if (event.type !== 'task-output' && event.type !== 'task-checking') events.push(event)
      }
      const display = chooseReporter(terminal, {
        ...options,
        json: json ?? false,
        forecast: () => forecastOf(plan, journal, limits),
      })
      const emit = createRecorder(
        run,
        () => new Date(),
        journal.record,
        [keep, ...(watch ? [watch] : []), logFiles(lab.stateFolder), display],
        (error) => terminal.error(`kedge: a display failed and was switched off: ${String(error)}\n`),
      )
      const bounds = { jobs: defaultJobs(lab), ...limits }
      const world = { ...session.world, onDisk: journal.onDisk, wasDone: wasDoneBy(journal.lastKnown()) }
      const outcome = await execute(plan, world, emit, bounds, terminal.signal)
      await journal.onDisk()
      isSwept ||= outcome.result === 'ok' && isOnEveryNode(plan, lab)
      const text = summary(foldRun(events), {
        color: wantsColor(terminal, options),
        wanted: words,
        kedge: asTyped(terminal, options),
        log: relative(terminal.cwd, join(lab.stateFolder, 'runs', run)),
        ...(alike ? { alike } : {}),
        ...(terminal.errorStream.columns ? { width: terminal.errorStream.columns } : {}),
        ...(options.quiet ? { quiet: true } : {}),
      })
      terminal.error(showsUnicode(terminal) ? text : asciiText(text))
      return outcome
    },
    async close() {
      await session.close()
      journal.close()
      lock.release(isSwept)
    },
  }
}

/** What was brought to done, and not removed since, is expected to be looked at only. */
function forecastOf({ instances }: Plan, journal: Journal, limits: Partial<Limits>): Forecast | undefined {
  const { dryRun, force = false } = limits
  const ends = journal.lastEnds()
  const isForced = (id: InstanceId) => (typeof force === 'boolean' ? force : force.has(id))
  const isToRun = (id: InstanceId) => !dryRun && (isForced(id) || ends.get(id)?.type !== 'task-finished')
  return foresee(instances, journal.pastTimes(), isToRun)
}

function isOnEveryNode({ instances }: Plan, { topology }: Lab): boolean {
  const nodes = new Set(instances.map(({ node }) => node))
  return topology.nodes.every(({ name }) => nodes.has(name))
}

const imagesIn =
  ({ surroundings }: Session) =>
  (architecture: Architecture) =>
    surroundings
      .bundle()
      .assets('image', architecture)
      .map(({ name }) => name)

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

/** Nodes wait far more than this machine works: room for each of them and some more, within bounds. */
const defaultJobs = (lab: Lab) => Math.min(256, Math.max(2 * availableParallelism(), lab.topology.nodes.length * 2))
