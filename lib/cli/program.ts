import { CommanderError, type Command as Program } from 'commander'
import { nearest } from '../topology/nearest.ts'
import { cleanTerminal } from './clean-terminal.ts'
import type { Command, GlobalOptions, Terminal } from './command.ts'
import { commands } from './commands/index.ts'
import { defineProgram } from './define-program.ts'
import { CliError, exitCodeOf, exitCodes } from './exit-codes.ts'
import { withPack } from './with-pack.ts'

/** Parses the command line, runs the command and returns the exit code. The one place where errors become texts and codes. */
export async function runProgram(words: readonly string[], given: Terminal): Promise<number> {
  let terminal = cleanTerminal(given)
  let exitCode: number = exitCodes.done
  if (words[0] === '__complete') return (await import('./complete/complete.ts')).complete(words.slice(1), terminal)

  const run = (command: Command, sub: Program) =>
    sub.action(async () => {
      const options = sub.optsWithGlobals<GlobalOptions>()
      if (!command.isOfNoLab) terminal = await withPack(terminal, options)
      exitCode = await command.run(terminal, sub.args, options)
    })
  const program = await defineProgram(words, terminal, run)

  try {
    if (words.length === 0) {
      program.outputHelp()
      return exitCodes.done
    }
    await program.parseAsync(withSeparator(words), { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) {
      const isUnknown = error.code === 'commander.unknownCommand' && !error.message.includes('Did you mean')
      const task = isUnknown ? await taskMeant(program.args[0] ?? '', terminal, program.opts()) : undefined
      if (task) terminal.error(`(Did you mean kedge run ${task}?)\n`)
      return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    }
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

/** The task that somebody took for a command. */
async function taskMeant(word: string, terminal: Terminal, options: GlobalOptions): Promise<string | undefined> {
  const { labNames } = await import('./complete/lab-names.ts')
  try {
    return nearest(
      word,
      labNames(terminal, options)
        .tasks()
        .map(({ value }) => value),
    )
  } catch {
    // What is wrong with the lab file is not what was asked.
    return undefined
  }
}

/** Everything after `kubectl` is kubectl's, also what looks like an option of kedge's. */
function withSeparator(words: readonly string[]): string[] {
  const at = words.indexOf('kubectl')
  const isCommand = at >= 0 && !words.slice(0, at).some((word) => word in commands)
  return isCommand && words[at + 1] !== '--' ? [...words.slice(0, at + 1), '--', ...words.slice(at + 1)] : [...words]
}
