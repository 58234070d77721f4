import type { Terminal } from '../../lib/cli/command.ts'
import { runProgram } from '../../lib/cli/program.ts'

/** Runs kedge in this process: no second is spent on loading it. `columns` says that stdout is a terminal. */
export async function runHere(
  cwd: string,
  words: readonly string[],
  around: {
    readonly env?: Readonly<Record<string, string>>
    readonly columns?: number
    /** The program that kedge takes itself for: a pack, perhaps. */
    readonly execPath?: string
  } = {},
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const printed = { stdout: '', stderr: '' }
  const terminal: Partial<Terminal> = {
    write: (text) => {
      printed.stdout += text
    },
    error: (text) => {
      printed.stderr += text
    },
    backlog: () => undefined,
    cwd,
    env: around.env ?? {},
    isTty: false,
    ...(around.columns === undefined ? {} : { columns: around.columns }),
    errorStream: process.stderr,
    signal: new AbortController().signal,
    atOnce: () => {},
    execPath: around.execPath ?? process.execPath,
  }
  const exitCode = await runProgram(words, terminal as Terminal)
  return { exitCode, ...printed }
}
