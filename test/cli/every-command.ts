import type { Command as Program } from 'commander'
import type { CommandEntry } from '../../lib/cli/command-group.ts'
import { commands } from '../../lib/cli/commands/index.ts'
import { defineProgram } from '../../lib/cli/define-program.ts'

export type Defined = { readonly words: readonly string[]; readonly command: Program; readonly help: string }

/** Every command, families and those within them included, with all its options, and the help as it is printed. */
export async function everyCommand(): Promise<readonly Defined[]> {
  const found: Defined[] = []
  for (const words of [[], ...(await namesIn(commands))]) {
    const texts: string[] = []
    const output = { write: (text: string) => void texts.push(text), error() {} }
    let command: Program | undefined = await defineProgram(words, output)
    for (const word of words) command = command?.commands.find((sub) => sub.name() === word)
    if (!command) throw new Error(`kedge ${words.join(' ')} is not defined`)
    command.outputHelp()
    found.push({ words, command, help: texts.join('') })
  }
  return found
}

async function namesIn(entries: Readonly<Record<string, CommandEntry>>): Promise<readonly (readonly string[])[]> {
  const names: (readonly string[])[] = []
  for (const [name, { load }] of Object.entries(entries)) {
    const { default: command } = await load()
    const within = 'commands' in command ? await namesIn(command.commands) : []
    names.push([name], ...within.map((words) => [name, ...words]))
  }
  return names
}
