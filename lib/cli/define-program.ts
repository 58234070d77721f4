import { type Argument, InvalidArgumentError, Option, Command as Program } from 'commander'
import { nearest } from '../topology/nearest.ts'
import type { Command, Terminal } from './command.ts'
import type { CommandEntry } from './command-group.ts'
import { commands } from './commands/index.ts'

/** Of a help text that goes to a file or a pipe. */
const widthElsewhere = 80

/**
 * kedge's command line. Every command is in it with its summary; with its options only the one that the words call or ask
 * about, since nothing else is read from disk. `onCall` says what is done when it is called.
 */
export async function defineProgram(
  words: readonly string[],
  terminal: Pick<Terminal, 'write' | 'error' | 'columns'>,
  onCall: (command: Command, sub: Program) => void = () => {},
): Promise<Program> {
  const program = globalOptions(new Program('kedge'))
    .configureOutput({
      writeOut: terminal.write,
      writeErr: terminal.error,
      getOutHelpWidth: () => terminal.columns ?? widthElsewhere,
    })
    .exitOverride()
    .description('Builds a KubeEdge lab from one file.')
    .helpCommand(false)
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      `
Examples:
  kedge init
  kedge plan
  kedge run all
  kedge help run
  kedge help join-edge
`,
    )
  suggestChoices(program)
  await addCommands(program, commands, namesAmong(words, program.options), onCall)
  return program
}

async function addCommands(
  program: Program,
  entries: Readonly<Record<string, CommandEntry>>,
  [invoked, ...names]: readonly string[],
  onCall: (command: Command, sub: Program) => void,
): Promise<void> {
  for (const [name, { summary, load }] of Object.entries(entries)) {
    const sub = program
      .command(name)
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
    if (name !== invoked) continue
    const { default: command } = await load()
    if ('commands' in command) {
      if (command.help) sub.addHelpText('after', command.help)
      const [first, ...rest] = names
      await addCommands(sub, command.commands, first === 'help' ? rest : names, onCall)
    } else {
      command.configure?.(sub)
      suggestChoices(sub)
      onCall(command, sub)
    }
  }
}

/** The words that name commands, one within another: no options for every command, and no values of those. */
function namesAmong(words: readonly string[], options: readonly Option[]): readonly string[] {
  const withValue = options.filter(({ required }) => required).flatMap(({ long, short }) => [long, short])
  return words.filter((word, at) => !word.startsWith('-') && (at === 0 || !withValue.includes(words[at - 1])))
}

const globalOptions = (program: Program) =>
  program
    .option(
      '-c, --config <file>',
      'the lab file (default: kedge.config.yaml here or in a folder above, else the embedded reference lab)',
    )
    .option('--state <dir>', 'where kedge keeps what it knows of the lab (default: .kedge beside the lab file)')
    .addOption(new Option('--color <when>', 'colour').choices(['auto', 'always', 'never']).default('auto'))
    .option('-q, --quiet', 'say failures only')
    .option('-v, --verbose', 'show what commands print')
    .option('--trust <key>', 'refuse a pack that this ed25519 public key, or the one in this file, has not signed')

/** Where one of a few words is wanted, another one is answered with the nearest. */
function suggestChoices({ options, registeredArguments }: Program): void {
  for (const part of [...options, ...registeredArguments] as (Option | Argument)[]) {
    const { argChoices } = part
    const parse = part.parseArg?.bind(part)
    if (!argChoices || !parse) continue
    part.argParser((value: string, previous: unknown) => {
      const near = argChoices.includes(value) ? undefined : nearest(value, argChoices)
      if (near) throw new InvalidArgumentError(`Did you mean ${near}? Allowed choices are ${argChoices.join(', ')}.`)
      return parse(value, previous)
    })
  }
}
