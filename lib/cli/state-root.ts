import { join, resolve } from 'node:path'
import type { GlobalOptions, Terminal } from './command.ts'

/** Where kedge keeps what it knows of labs: beside the lab file, if nobody says otherwise. */
export const stateRootOf = (terminal: Terminal, { state }: GlobalOptions, folder: string): string =>
  state ? resolve(terminal.cwd, state) : join(folder, '.kedge')
