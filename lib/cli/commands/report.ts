import { existsSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Option } from 'commander'
import { tasks as builtIn } from '../../../tasks/index.ts'
import { openJournal } from '../../event/journal.ts'
import { logExcerpts } from '../../event/log-excerpts.ts'
import { foldRun, type RunRecord } from '../../report/fold-run.ts'
import { mergeRuns } from '../../report/merge-runs.ts'
import { type LogsOf, type ReportFormat, report, reportFormats } from '../../report/report.ts'
import { nearest } from '../../topology/nearest.ts'
import type { Command, GlobalOptions } from '../command.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { openLab } from '../lab.ts'

type ReportOptions = GlobalOptions & {
  readonly run?: string
  readonly against?: string
  readonly format: ReportFormat
  readonly output?: string
  readonly json?: boolean
}

export default {
  configure: (program) =>
    program
      .option('--run <id>', 'this run alone (default: how the lab as it stands was built)')
      .option('--against <id>', 'compare it with that run: entities, tasks and wall time, in seconds and percent')
      .addOption(
        new Option('--format <format>', 'how to write it').choices(Object.keys(reportFormats)).default('table'),
      )
      .option('-o, --output <file>', 'write it there instead of to the standard output')
      .option('--json', 'the same as --format json')
      .addHelpText(
        'after',
        `
Seconds per entity and phase beside the wall time and the critical path, per task the least, median and most over its
nodes. html is one page without any link to the network: a time line per node, the graph of tasks, and each log.
junit has a testcase per task and node, for CI; --against changes nothing in it.

Examples:
  kedge report
  kedge report --format html -o report.html
  kedge report --run 20261121-204512-4f --against 20261120-091500-a1
`,
      ),

  async run(terminal, _words, options: ReportOptions) {
    const { topology, plan, stateFolder } = openLab(terminal, options)
    const notYet = new CliError(
      exitCodes.usage,
      `lab ${topology.lab} has not been run yet: \`kedge run all\` builds it, then there is something to report`,
    )
    const path = join(stateFolder, 'journal.sqlite')
    if (!existsSync(path)) throw notYet
    const journal = openJournal(path, { readOnly: true })
    try {
      const runs = journal.runs().map(({ run }) => run)
      const oneRun = (run: string): RunRecord => {
        if (runs.includes(run)) return foldRun(journal.events(run))
        const near = nearest(run, runs)
        const cure = near ? `did you mean ${near}?` : `the newest are ${runs.slice(0, 5).join(', ')}`
        throw new CliError(exitCodes.usage, `there is no run ${run}; ${cure}`)
      }
      const record = options.run ? oneRun(options.run) : mergeRuns(runs.map((run) => foldRun(journal.events(run))))
      if (!record) throw notYet
      const against = options.against === undefined ? undefined : oneRun(options.against)
      const facts = {
        waits: new Map(plan.instances.map(({ id, waitsFor }) => [id, waitsFor])),
        roles: new Map(topology.nodes.map(({ name, role }) => [name, role])),
        steps: new Map(Object.entries(builtIn).flatMap(([name, { step }]) => (step ? [[name, step] as const] : []))),
      }
      const logs: LogsOf = (instances) => logExcerpts(stateFolder, instances)
      const text = report(record, facts, options.json ? 'json' : options.format, { against, logs })
      if (options.output === undefined) terminal.write(text)
      else {
        writeWhole(resolve(terminal.cwd, options.output), text)
        if (!options.quiet) terminal.error(`the report is in ${options.output}\n`)
      }
      return exitCodes.done
    } finally {
      journal.close()
    }
  },
} satisfies Command

/** A report that is there already is replaced by a whole one, or not at all; what is no file, as /dev/stdout, is written to. */
function writeWhole(path: string, text: string): void {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found && !found.isFile()) {
      writeFileSync(path, text)
      return
    }
    const file = found ? realpathSync(path) : path
    const aside = `${file}.new`
    try {
      // It holds logs: for whoever the lab belongs to, as the logs themselves are.
      writeFileSync(aside, text, { mode: 0o600 })
      renameSync(aside, file)
    } finally {
      rmSync(aside, { force: true })
    }
  } catch (error) {
    throw new CliError(exitCodes.usage, `${path} cannot be written: ${(error as Error).message}`)
  }
}
