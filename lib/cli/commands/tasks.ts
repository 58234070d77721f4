import { tasks as builtIn } from '../../../tasks/index.ts'
import { table } from '../../report/table.ts'
import type { Command, GlobalOptions } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { openLab } from '../lab.ts'
import { namesOfNeeds } from '../names-of-needs.ts'

export default {
  configure: (program) =>
    program.option('--json', 'as JSON').addHelpText('after', '\nExamples:\n  kedge tasks\n  kedge tasks --json\n'),

  async run(terminal, _words, options: GlobalOptions & { readonly json?: boolean }) {
    const { topology, ownTasks } = openLab(terminal, options)
    const rows = topology.tasks
      .filter(({ removed }) => !removed)
      .map(({ name, on, needs, phase, sh, script }) => {
        const own = script ?? ownTasks.get(name)
        const description = sh ?? (own ? `own task ${own}` : (builtIn[name]?.description ?? ''))
        return {
          name,
          on,
          needs: namesOfNeeds(needs),
          phase,
          description,
        }
      })
    if (options.json) terminal.write(`${JSON.stringify({ tasks: rows }, null, 2)}\n`)
    else {
      const lines = rows.map((row) => [
        row.name,
        row.on.join(', '),
        row.needs.join(', ') || '-',
        firstLine(row.description),
      ])
      terminal.write(`${table([['task', 'runs on', 'needs', 'does'], ...lines]).join('\n')}\n`)
    }
    return exitCodes.done
  },
} satisfies Command

/** A command may be a script of many lines, and a row is one. */
const firstLine = (text: string): string => text.trim().replace(/\s*\n[\s\S]*$/, ' …')
