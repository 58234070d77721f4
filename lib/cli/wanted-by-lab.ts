import { existsSync } from 'node:fs'
import { type Wanted, wantedPieces } from '../bundle/wanted.ts'
import { hypervisorNode } from '../topology/topology.ts'
import type { Lab } from './lab.ts'
import { ownFileOf, taskWords } from './task-maker.ts'

/** All that a lab asks of its bundle: what the built-in tasks want, and what own tasks name. */
export const wantedByLab = async (lab: Lab): Promise<readonly Wanted[]> => [
  ...wantedPieces(lab.topology),
  ...(await wantedByOwnTasks(lab)),
]

/** What own tasks name in their `assets`, on each node that they run on. */
async function wantedByOwnTasks(lab: Lab): Promise<readonly Wanted[]> {
  const { topology, plan } = lab
  const assets = new Map<string, readonly string[]>()
  for (const wiring of topology.tasks) {
    const file = ownFileOf(wiring, lab)
    if (!wiring.removed && file !== undefined && existsSync(file))
      assets.set(wiring.name, (await taskWords(wiring, lab)).assets ?? [])
  }
  const nodes = new Map([hypervisorNode, ...topology.nodes].map((node) => [node.name, node]))
  const wanted = new Map<string, Wanted>()
  for (const { task, node } of plan.instances) {
    const architecture = nodes.get(node)?.architecture ?? 'all'
    for (const name of assets.get(task) ?? []) {
      const key = [task, name, architecture].join(' ')
      const before = wanted.get(key)?.nodes ?? []
      const about = { name, kind: 'file', anyKind: true, version: '', architecture, roles: [], task } as const
      wanted.set(key, { ...about, nodes: [...before, node] })
    }
  }
  return [...wanted.values()]
}
