import { isOneLiner } from '../task/one-liner.ts'
import { builtInTask, type Lab } from './lab.ts'

/** Names of the lab's tasks whose code is kedge's own: one-liners, scripts and own files are not. */
export const builtInTasks = ({ topology, ownTasks }: Lab): ReadonlySet<string> =>
  new Set(
    topology.tasks
      .filter((wiring) => !wiring.removed && !isOneLiner(wiring) && !wiring.script)
      .map(({ name }) => name)
      .filter((name) => !ownTasks.has(name) && builtInTask(name) !== undefined),
  )
