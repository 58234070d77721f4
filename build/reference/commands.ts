import type { CommandEntry } from '../../lib/cli/command-group.ts'
import { commands } from '../../lib/cli/commands/index.ts'
import { runHere } from '../run-here.ts'
import { anchor, block, code, page, table } from './markdown.ts'

type Row = { readonly words: readonly string[]; readonly summary: string; readonly help: string }

/** Every command with its help, as `kedge help COMMAND` prints it: `kedge kubectl --help` is kubectl's affair. */
export async function commandsPage(): Promise<string> {
  const rows = await rowsOf(commands, [])
  return page(
    'Commands',
    "the commands' own definitions",
    'Data goes to standard output, all else to standard error; every command that lists has `--json`. The [exit codes](exit-codes.md) are the same everywhere.',
    table(
      ['command', 'does'],
      rows.map(({ words, summary }) => [`[${code(nameOf(words))}](#${anchor(nameOf(words))})`, summary]),
    ),
    '## For every command',
    block((await runHere('/', ['--help'])).stdout),
    ...rows.flatMap(({ words, help }) => [`## ${nameOf(words)}`, block(help)]),
  )
}

const nameOf = (words: readonly string[]) => ['kedge', ...words].join(' ')

/** The commands of a table and of the families in it; what is for programs alone begins with `_`. */
export async function rowsOf(
  entries: Readonly<Record<string, CommandEntry>>,
  before: readonly string[],
): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const [name, { summary, load }] of Object.entries(entries)) {
    if (name.startsWith('_')) continue
    const words = [...before, name]
    const { default: command } = await load()
    rows.push({ words, summary, help: (await runHere('/', ['help', ...words])).stdout })
    if ('commands' in command) rows.push(...(await rowsOf(command.commands, words)))
  }
  return rows
}
