import { PassThrough } from 'node:stream'
import type { Terminal } from '../lib/cli/command.ts'
import { runProgram } from '../lib/cli/program.ts'

export type Around = {
  readonly env?: Readonly<Record<string, string>>
  /** Says that stdout is a terminal of this width. */
  readonly columns?: number
  /** The program that kedge takes itself for: a pack, perhaps. */
  readonly execPath?: string
  readonly signal?: AbortSignal
}

export type Said = { readonly exitCode: number; readonly stdout: string; readonly stderr: string }

/** Runs kedge in this process: no second is spent on loading it. Nobody is at a terminal, and nothing is on its input. */
export async function runHere(cwd: string, words: readonly string[], around: Around = {}): Promise<Said> {
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
    errorStream: process.stderr,
    input: new PassThrough().end() as unknown as NodeJS.ReadStream,
    signal: new AbortController().signal,
    atOnce: () => {},
    execPath: process.execPath,
    ...around,
  }
  const exitCode = await runProgram(words, terminal)
  return { exitCode, ...printed }
}
