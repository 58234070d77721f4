import type { Command } from './command.ts'

/** A name on the command line: its line in the help, and its file, which is read when it is called. */
export type CommandEntry = {
  readonly summary: string
  load(): Promise<{ readonly default: Command | CommandGroup }>
}

/** A command that is a family of commands: `kedge bundle verify`. */
export type CommandGroup = {
  readonly commands: Readonly<Record<string, CommandEntry>>
  /** What the help of the family ends with. */
  readonly help?: string
}
