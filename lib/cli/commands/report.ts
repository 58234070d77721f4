import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Option } from 'commander'
import { tasks as builtIn } from '../../../tasks/index.ts'
import { openJournal } from '../../event/journal.ts'
import { foldRun, type RunRecord } from '../../report/fold-run.ts'
import { mergeRuns } from '../../report/merge-runs.ts'
import { type ReportFormat, report, reportFormats } from '../../report/report.ts'
import type { Command, GlobalOptions } from '../command.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { openLab } from '../lab.ts'

type ReportOptions = GlobalOptions & { readonly run?: string; readonly format: ReportFormat; readonly json?: boolean }

export default {
  configure: (program) =>
    program
      .option('--run <id>', 'this run alone (default: how the lab as it stands was built)')
      .addOption(
        new Option('--format <format>', 'how to write it').choices(Object.keys(reportFormats)).default('table'),
      )
      .option('--json', 'the same as --format json'),

  async run(terminal, _words, options: ReportOptions) {
    const { topology, plan, stateFolder } = openLab(terminal, options)
    const path = join(stateFolder, 'journal.sqlite')
    if (!existsSync(path)) throw new CliError(exitCodes.usage, `lab ${topology.lab} has not been run yet`)
    const journal = openJournal(path, { readOnly: true })
    try {
      const record = options.run
        ? oneRun(options.run)
        : mergeRuns(journal.runs().map(({ run }) => foldRun(journal.events(run))))
      if (!record) throw new CliError(exitCodes.usage, `lab ${topology.lab} has not been run yet`)
      const facts = {
        waits: new Map(plan.instances.map(({ id, waitsFor }) => [id, waitsFor])),
        roles: new Map(topology.nodes.map(({ name, role }) => [name, role])),
        steps: new Map(Object.entries(builtIn).flatMap(([name, { step }]) => (step ? [[name, step] as const] : []))),
      }
      terminal.write(report(record, facts, options.json ? 'json' : options.format))
      return exitCodes.done
    } finally {
      journal.close()
    }

    function oneRun(run: string): RunRecord {
      const events = journal.events(run)
      if (events.length > 0) return foldRun(events)
      throw new CliError(
        exitCodes.usage,
        `there is no run ${run}; there are ${journal
          .runs()
          .map((entry) => entry.run)
          .join(', ')}`,
      )
    }
  },
} satisfies Command
