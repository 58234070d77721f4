import { PassThrough } from 'node:stream'
import type { Terminal } from '../../lib/cli/command.ts'
import { runProgram } from '../../lib/cli/program.ts'

export type Said = { readonly exitCode: number; readonly stdout: string; readonly stderr: string }

/** Runs `kedge` with these words in this process, in `cwd`: no terminal, no colour, an empty environment, nothing on its input. */
export async function kedgeSays(words: readonly string[], cwd: string): Promise<Said> {
  // Else a help text would be as wide as the terminal of whoever makes the pages.
  Object.defineProperty(process.stdout, 'isTTY', { value: false, configurable: true })
  const printed = { stdout: '', stderr: '' }
  const terminal: Terminal = {
    write: (text) => {
      printed.stdout += text
    },
    error: (text) => {
      printed.stderr += text
    },
    backlog: () => undefined,
    cwd,
    env: {},
    isTty: false,
    isOutputTty: false,
    errorStream: process.stderr,
    input: new PassThrough().end() as unknown as NodeJS.ReadStream,
    signal: new AbortController().signal,
    atOnce: () => {},
    execPath: process.execPath,
  }
  const exitCode = await runProgram(words, terminal)
  return { exitCode, ...printed }
}
