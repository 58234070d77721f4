import { reveal, type Secret, variableOf } from './secret.ts'

/** Puts in front of a script what takes its secrets from stdin into shell variables that are not exported. */
export const secretReads = (secrets: readonly Secret[]): string =>
  secrets.map((secret) => `IFS= read -r -d '' ${variableOf(secret)}; `).join('')

/** What goes into stdin before the command's own input; bash reads a pipe byte by byte, so the rest stays untouched. */
export const secretInput = (secrets: readonly Secret[]): Buffer =>
  Buffer.from(secrets.map((secret) => `${reveal(secret)}\0`).join(''))
