import { lstatSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { labFileName } from '../pack/pack-files.ts'
import { CliError, exitCodes } from './exit-codes.ts'

/** Who runs kedge, as the system numbers people; `asked` is who called it through sudo. */
export type Caller = { readonly uid: number; readonly asked?: number }

/**
 * The lab file in the nearest folder above this one, looked for as git looks for its repository: up to where another file
 * system begins. One that belongs to neither the caller nor root is refused, since a lab file says what is run.
 */
export function labFileAbove(folder: string, caller: Caller): string | undefined {
  const device = deviceOf(folder)
  for (let at = dirname(folder), below = folder; at !== below && deviceOf(at) === device; at = dirname(at)) {
    below = at
    const file = join(at, labFileName)
    const found = lstatSync(file, { throwIfNoEntry: false })
    if (!found) continue
    mustBelong(file, [found.uid, statSync(file, { throwIfNoEntry: false })?.uid], caller, relative(folder, file))
    return file
  }
  return undefined
}

const deviceOf = (folder: string): number | undefined => statSync(folder, { throwIfNoEntry: false })?.dev

/** A link to somebody's file belongs to both. */
function mustBelong(
  file: string,
  owners: readonly (number | undefined)[],
  { uid, asked }: Caller,
  shown: string,
): void {
  if (owners.every((owner) => owner === undefined || owner === 0 || owner === uid || owner === asked)) return
  throw new CliError(
    exitCodes.configuration,
    `${file} belongs to somebody else, and it would say what is run here; if it is to be used: -c ${shown}`,
  )
}
