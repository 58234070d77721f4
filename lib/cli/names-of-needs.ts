import type { Need } from '../topology/topology.ts'

/** Each need once, as it would be written: `task`, or `task@where`. One that another task's `before` says is a need like any. */
export const namesOfNeeds = (needs: readonly Need[]): readonly string[] => [
  ...new Set(needs.map(({ task, on }) => (on ? `${task}@${on.join(',')}` : task))),
]
