import type { Command as Program } from 'commander'
import type { Pack } from '../pack/read-pack.ts'

/** What a command gets of the outside: arguments, streams and surroundings. Only main.ts knows where they come from. */
export type Terminal = {
  /** Data goes here, all else to `error`. */
  write(text: string): void
  error(text: string): void
  /** While a slow reader has much of that still before it: resolves when it has taken most of it. */
  backlog(): Promise<void> | undefined
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether `error` goes to a terminal. */
  readonly isTty: boolean
  /** Of the terminal that data goes to; undefined where it goes to a file or a pipe. */
  readonly columns?: number
  /** Whether `write` does. */
  readonly isOutputTty?: boolean
  readonly errorStream: NodeJS.WriteStream
  readonly input: NodeJS.ReadStream
  /** Fires at the first Ctrl-C, SIGTERM, SIGHUP, and when nobody reads any more what is written. */
  readonly signal: AbortSignal
  /** Called when a second one ends kedge at once, which is then within a second. */
  atOnce(callback: () => Promise<void>): void
  /** Called when kedge goes on after it was suspended (Ctrl-Z, then `fg`): others have written to the terminal meanwhile. */
  atResume?(callback: () => void): void
  /** The running program. */
  readonly execPath: string
  /** The lab that the running program carries, where it is a pack. */
  readonly pack?: Pack
}

/** Options that every command takes. */
export type GlobalOptions = {
  readonly config?: string
  readonly state?: string
  readonly color: 'auto' | 'always' | 'never'
  readonly quiet?: boolean
  readonly verbose?: boolean
  /** An ed25519 public key, or the file with it: what it has not signed is refused. */
  readonly trust?: string
}

/** One file in commands/. `configure` declares arguments and options; `run` returns the exit code. */
export type Command = {
  /** It says the same in every pack, so that a pack need not be read through first. */
  readonly isOfNoLab?: boolean
  configure?(program: Program): Program
  run(terminal: Terminal, args: readonly string[], options: GlobalOptions & Record<string, unknown>): Promise<number>
}

export const wantsColor = (terminal: Terminal, { color }: GlobalOptions): boolean =>
  color === 'always' || (color === 'auto' && terminal.isTty && !terminal.env.NO_COLOR && terminal.env.TERM !== 'dumb')

/** The same for data: a file or a pipe gets colours only where they are asked for. */
export const wantsColorInData = (terminal: Terminal, options: GlobalOptions): boolean =>
  options.color === 'always' || (terminal.columns !== undefined && wantsColor({ ...terminal, isTty: true }, options))

/** Whether the locale of whoever reads has more than ASCII. */
export const wantsUnicode = ({ env }: Terminal): boolean => /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '')
