import { createInterface } from 'node:readline/promises'
import type { Terminal } from './command.ts'
import { CliError, exitCodes } from './exit-codes.ts'

/**
 * Shows what is about to be done and asks for a `yes`. Where nobody can be asked that is an error of usage, and `instead`
 * are the words that need no asking; `undone` says what a refusal means.
 */
export async function confirm(
  terminal: Terminal,
  what: string,
  instead: string,
  undone = 'nothing was removed',
): Promise<void> {
  if (!terminal.input.isTTY) throw new CliError(exitCodes.usage, `nobody is there to be asked; to go on: ${instead}`)
  // As lines: in raw mode Ctrl-C would be a character for readline, and no signal to kedge.
  const asking = createInterface({ input: terminal.input, output: terminal.errorStream, terminal: false })
  const ended = new Promise<string>((resolve) => asking.once('close', () => resolve('')))
  const answer = await Promise.race([asking.question(`${what} (yes/no) `, { signal: terminal.signal }), ended])
    .catch((error) => {
      if (terminal.signal.aborted) return ''
      throw error
    })
    .finally(() => asking.close())
  if (terminal.signal.aborted) throw new CliError(exitCodes.interrupted, `interrupted; ${undone}`)
  if (answer.trim().toLowerCase() !== 'yes') throw new CliError(exitCodes.usage, undone)
}
