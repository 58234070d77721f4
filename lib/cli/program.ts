import { CommanderError, Option, Command as Program } from 'commander'
import { cleanTerminal } from './clean-terminal.ts'
import type { Command, GlobalOptions, Terminal } from './command.ts'
import type { CommandEntry } from './command-group.ts'
import { commands } from './commands/index.ts'
import { CliError, exitCodeOf, exitCodes } from './exit-codes.ts'
import { withPack } from './with-pack.ts'

/** Parses the command line, runs the command and returns the exit code. The one place where errors become texts and codes. */
export async function runProgram(words: readonly string[], given: Terminal): Promise<number> {
  let terminal = cleanTerminal(given)
  let exitCode: number = exitCodes.done
  const program = globalOptions(new Program('kedge'))
    .description('Builds a KubeEdge lab from one file.')
    .configureOutput({ writeOut: terminal.write, writeErr: terminal.error })
    .exitOverride()
    .helpCommand('help [command]', 'explain a command')
    .showSuggestionAfterError()

  const run = (command: Command, sub: Program) =>
    sub.action(async () => {
      const options = sub.optsWithGlobals<GlobalOptions>()
      terminal = await withPack(terminal, options)
      exitCode = await command.run(terminal, sub.args, options)
    })
  await addCommands(program, commands, words, run)

  try {
    if (words.length === 0) {
      program.outputHelp()
      return exitCodes.done
    }
    await program.parseAsync(withSeparator(words), { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    if (error instanceof CliError) {
      terminal.error(error.message.endsWith('\n') ? error.message : `kedge: ${error.message}\n`)
      return error.exitCode
    }
    const { toFailure } = await import('../host/to-failure.ts')
    const { kind, message, cure, lastLines = [] } = toFailure(error)
    if (kind !== 'bug') {
      terminal.error(
        `kedge: ${message}\n${lastLines.map((line) => `  ${line}\n`).join('')}${cure ? `  ${cure}\n` : ''}`,
      )
      return exitCodeOf([kind])
    }
    terminal.error(`kedge: a bug in kedge: ${error instanceof Error ? error.message : String(error)}\n`)
    if (program.opts<GlobalOptions>().verbose && error instanceof Error) terminal.error(`${error.stack}\n`)
    else terminal.error('  run it again with -v to see where\n')
    return exitCodes.bug
  }
}

/** Only the command that was called, or is asked about, is read from disk. */
async function addCommands(
  program: Program,
  entries: Readonly<Record<string, CommandEntry>>,
  words: readonly string[],
  onCall: (command: Command, sub: Program) => void,
): Promise<void> {
  const invoked = words.find((word) => word in entries || word === 'help')
  for (const [name, { summary, load }] of Object.entries(entries)) {
    const sub = program
      .command(name)
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
    if (name !== invoked && !(invoked === 'help' && words.includes(name))) continue
    const { default: command } = await load()
    if ('commands' in command) await addCommands(sub, command.commands, words.slice(words.indexOf(name) + 1), onCall)
    else onCall(command, command.configure?.(sub) ?? sub)
  }
}

const globalOptions = (program: Program) =>
  program
    .option('-c, --config <file>', 'the lab file (default: ./kedge.config.yaml, else the embedded reference lab)')
    .option('--state <dir>', 'where kedge keeps what it knows of the lab (default: .kedge beside the lab file)')
    .addOption(new Option('--color <when>', 'colour').choices(['auto', 'always', 'never']).default('auto'))
    .option('-q, --quiet', 'say failures only')
    .option('-v, --verbose', 'show what commands print')
    .option('--trust <key>', 'refuse a pack that this ed25519 public key, or the one in this file, has not signed')

/** Everything after `kubectl` is kubectl's, also what looks like an option of kedge's. */
function withSeparator(words: readonly string[]): string[] {
  const at = words.indexOf('kubectl')
  const isCommand = at >= 0 && !words.slice(0, at).some((word) => word in commands)
  return isCommand && words[at + 1] !== '--' ? [...words.slice(0, at + 1), '--', ...words.slice(at + 1)] : [...words]
}
