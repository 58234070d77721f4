import { reveal, type Secret, variableOf } from './secret.ts'
import type { Command } from './shell.ts'

/** A command as bash gets it: a script that is short enough for an argument, and what it reads from stdin before the command does. */
export type Staged = { readonly script: string; readonly input: Buffer }

// Linux lets one argument hold 128 KiB, and `read` takes a pipe byte by byte.
const longBytes = 64 * 1024

/**
 * Takes secrets from stdin into shell variables that are not exported: bash reads no byte too many, so the command's own input stays
 * untouched. A long script comes through stdin as well; `extra` is shell code in front of everything.
 */
export function stage(command: Command, extra = ''): Staged {
  // Not exported, even where the environment has that name already or bash was told to export all.
  const reads = command.secrets
    .map(variableOf)
    .map((name) => `IFS= read -r -d '' ${name}; export -n ${name}; `)
    .join('')
  const script = Buffer.from(`${extra}${reads}${command.script}`)
  const secrets = Buffer.from(command.secrets.map((secret: Secret) => `${reveal(secret)}\0`).join(''))
  if (script.length <= longBytes) return { script: script.toString(), input: secrets }
  return {
    script: `REPLY=$(head -c ${script.length}; echo x); eval "unset REPLY; \${REPLY%x}"`,
    input: Buffer.concat([script, secrets]),
  }
}
