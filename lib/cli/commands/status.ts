import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '../../event/journal.ts'
import { table } from '../../report/table.ts'
import type { Command, GlobalOptions } from '../command.ts'
import { type Lab, openLab } from '../lab.ts'
import { look } from '../look.ts'

export default {
  configure: (program) => program.option('--json', 'as JSON'),

  async run(terminal, _words, options: GlobalOptions & { readonly json?: boolean }) {
    const lab = openLab(terminal, options)
    const lastRuns = lastRunsOf(lab)
    const { verdicts, exitCode } = await look(terminal, lab, lab.plan.instances)
    const rows = lab.plan.instances.map(({ id, task, node }) => {
      const { state, why } = verdicts.get(id) ?? { state: 'unknown', why: '' }
      const lastRun = lastRuns.get(id)
      // What kedge once brought to done and is so no longer has been changed by somebody else.
      return {
        id,
        task,
        node,
        state: state === 'pending' && lastRun?.endsWith('finished') ? 'drifted' : state,
        why,
        lastRun,
      }
    })
    if (options.json) terminal.write(`${JSON.stringify({ lab: lab.topology.lab, instances: rows }, null, 2)}\n`)
    else {
      const byNode = [...Map.groupBy(rows, ({ node }) => node)].flatMap(([node, own]) => [
        [node, `${own.filter(({ state }) => state === 'done').length}/${own.length} done`, '', ''],
        ...own.map(({ task, state, why, lastRun }) => [`  ${task}`, state, lastRun ?? '-', why]),
      ])
      terminal.write(`${table(byNode).join('\n')}\n`)
    }
    return exitCode
  },
} satisfies Command

/** Instance → when and how a run last ended it. */
function lastRunsOf({ stateFolder }: Lab): ReadonlyMap<string, string> {
  const path = join(stateFolder, 'journal.sqlite')
  if (!existsSync(path)) return new Map()
  const journal = openJournal(path, { readOnly: true })
  try {
    return new Map(
      [...journal.lastEnds()].map(([id, { at, type }]) => [id, `${at.slice(0, 19)}Z ${type.replace('task-', '')}`]),
    )
  } finally {
    journal.close()
  }
}
