import { realpathSync } from 'node:fs'
import { basename, relative } from 'node:path'
import { shellWord } from '../report/shell-word.ts'
import type { GlobalOptions, Terminal } from './command.ts'

/**
 * What starts this kedge again on this lab from the folder it was started in, for commands that are printed for copying:
 * its name where the shell finds it under that, else its path, and the options that say which lab it is.
 */
export function asTyped({ cwd, env, execPath }: Terminal, { config, state, trust }: GlobalOptions): string {
  const options = { '-c': config, '--state': state, '--trust': trust }
  const given = Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [name, value]))
  return [programName(execPath, cwd, env.PATH), ...given].map(shellWord).join(' ')
}

function programName(execPath: string, cwd: string, path: string | undefined): string {
  // Run from source it is Bun that runs.
  if (!Bun.main.startsWith('/$bunfs/')) return 'kedge'
  const name = basename(execPath)
  const found = Bun.which(name, { PATH: path ?? '' })
  if (found && realpathSync(found) === realpathSync(execPath)) return name
  const near = relative(cwd, execPath)
  return near.startsWith('..') ? execPath : `./${near}`
}
