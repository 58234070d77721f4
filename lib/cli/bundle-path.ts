import { resolve } from 'node:path'
import { TaskError } from '../event/failure.ts'
import type { Terminal } from './command.ts'
import type { Lab } from './lab.ts'

/** The bundle that was named on the command line, or the lab's; a TaskError of kind `bundle` where there is none. */
export function bundlePath({ cwd }: Terminal, { topology }: Lab, given: string | undefined): string {
  const path = given === undefined ? topology.bundle : resolve(cwd, given)
  if (path !== undefined) return path
  throw new TaskError({
    kind: 'bundle',
    message: 'the lab has no bundle',
    cure: 'name one in the file: `bundle: ./bundle`',
  })
}
