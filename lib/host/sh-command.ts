import { closeSync, openSync, readSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { strictly } from './shell.ts'

/*
 * bash takes about twice as long to start as Debian's sh. A script that is one command of plain words means the same to both, so sh is given
 * it where that can be known. What differs: bash adds `_` and SHLVL to the environment of the program.
 */

/** Words with nothing in them for a shell to read; the first neither assigns nor names a job. */
const plain = /^ *([\w./][\w@+:,./-]*)((?: +[\w@%+=:,./-]+)*)\s*$/

/** They end the same way in both. */
const alike = /^ *(?:true|false|test +-[defrswx] +[\w@%+=:,./-]+)\s*$/

/** What only one of the two has, or what they do in themselves and not in a program of that name. */
const ofShells = new Set(
  `. alias bg bind break builtin caller case cd chdir command compgen complete compopt continue coproc declare dirs disown do done echo
  elif else enable esac eval exec exit export false fc fg fi for function getopts hash help history if in jobs kill let local logout
  mapfile popd printf pushd pwd read readarray readonly return select set shift shopt source suspend test then time times trap true
  type typeset ulimit umask unalias unset until wait while`.split(/\s+/),
)

/** Others sh drops or bash takes for settings and functions of its own. */
const plainVariable = /^(?!BASH|SHELLOPTS$)[A-Za-z_]\w*$/

/** Longer ones take another way to bash. */
const longest = 4096

/**
 * The script for sh in place of bash's, or undefined where the two might differ: also where the program is not found,
 * cannot be run or is a script, since bash has words of its own for what may go wrong then.
 */
export function shCommand(
  script: string,
  { cwd, env }: { readonly cwd: string | undefined; readonly env: Readonly<Record<string, string | undefined>> },
): string | undefined {
  if (!script.startsWith(strictly) || script.length > longest || !hasDash()) return undefined
  const command = script.slice(strictly.length)
  const [, program, rest] = plain.exec(command) ?? []
  if (program === undefined || !Object.keys(env).every((name) => plainVariable.test(name))) return undefined
  if (alike.test(command)) return command.trim()
  if (ofShells.has(program) || !env.PATH) return undefined
  const path = program.includes('/') ? resolve(cwd ?? '.', program) : program
  const found = Bun.which(path, { PATH: env.PATH })
  return found && isBinary(found) ? `exec ${program}${rest}` : undefined
}

let isDash: boolean | undefined

function hasDash(): boolean {
  isDash ??= targetOf('/bin/sh')?.endsWith('/dash') ?? false
  return isDash
}

function targetOf(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

/** What the kernel refuses, each shell takes for a script of its own, and of an interpreter that is missing each says it in its words. */
function isBinary(path: string): boolean {
  let descriptor: number | undefined
  try {
    descriptor = openSync(path, 'r')
    const start = Buffer.alloc(4)
    readSync(descriptor, start, 0, 4, 0)
    return start.toString('latin1') === '\x7fELF'
  } catch {
    return false
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}
