import type { InstanceId } from '../event/event.ts'
import { selectNodes } from '../topology/select-nodes.ts'
import type { Need, Topology, Wiring } from '../topology/topology.ts'
import type { Instance, Plan } from './plan.ts'

/**
 * Topology × wiring → every instance with what it waits for, in an order in which each comes after its needs. The loader
 * has refused cycles and unknown names already, so this cannot fail.
 */
export function buildPlan(topology: Topology): Plan {
  const wirings = new Map(topology.tasks.map((wiring) => [wiring.name, wiring]))
  const nodesOf = new Map<string, readonly string[]>()
  const nodeSets = new Map<string, ReadonlySet<string>>()
  for (const wiring of topology.tasks) {
    const names = wiring.removed ? [] : selectNodes(topology, wiring.on).map((node) => node.name)
    nodesOf.set(wiring.name, names)
    nodeSets.set(wiring.name, new Set(names))
  }

  // A `before` may be for some instances of the task that waits.
  const waitingNodes = new Map<readonly string[], ReadonlySet<string>>()
  const isAsked = ({ waiting }: Need, node: string): boolean => {
    if (!waiting) return true
    let names = waitingNodes.get(waiting)
    if (!names) {
      names = new Set(selectNodes(topology, waiting).map(({ name }) => name))
      waitingNodes.set(waiting, names)
    }
    return names.has(node)
  }

  // Waits that are the same for every node are worked out once per need, so that a plan stays linear in its nodes.
  const everywhere = new Map<string, readonly InstanceId[]>()
  const allInstances = (task: string) => {
    let ids = everywhere.get(task)
    if (!ids) {
      ids = (nodesOf.get(task) ?? []).map((node): InstanceId => `${task}@${node}`)
      everywhere.set(task, ids)
    }
    return ids
  }

  const waitsOf = (wiring: Wiring, node: string): readonly InstanceId[] => {
    const waits = new Set<InstanceId>()
    const seen = new Set<string>([wiring.name])
    const needs = [...wiring.needs]
    // It grows while it is walked.
    for (const need of needs) {
      const target = wirings.get(need.task)
      if (!target || !isAsked(need, node)) continue
      const ids = need.on
        ? explicitInstances(need)
        : nodeSets.get(need.task)?.has(node)
          ? [`${need.task}@${node}` as const]
          : allInstances(need.task)
      for (const id of ids) waits.add(id)
      // A task that runs nowhere (taken out, or no node of its role) hands on what it would have waited for.
      if (ids.length > 0 || seen.has(need.task)) continue
      seen.add(need.task)
      needs.push(...target.needs)
    }
    waits.delete(`${wiring.name}@${node}`)
    return [...waits]
  }

  const explicitInstances = (need: Need): readonly InstanceId[] => {
    if (need.on?.includes('all')) return allInstances(need.task)
    const running = nodeSets.get(need.task)
    return selectNodes(topology, need.on ?? [])
      .filter((node) => running?.has(node.name))
      .map((node): InstanceId => `${need.task}@${node.name}`)
  }

  const instances: Instance[] = []
  for (const wiring of inNeedOrder(topology.tasks)) {
    for (const node of nodesOf.get(wiring.name) ?? []) {
      instances.push({
        id: `${wiring.name}@${node}`,
        task: wiring.name,
        node,
        phase: wiring.phase,
        waitsFor: waitsOf(wiring, node),
        timeoutSeconds: wiring.timeoutSeconds,
        retries: wiring.retries,
      })
    }
  }
  return { lab: topology.lab, instances }
}

/**
 * Each wiring after those it needs; otherwise in the order of the file. With a stack of its own, since a chain of tasks may
 * be longer than JavaScript's.
 */
function inNeedOrder(wirings: readonly Wiring[]): readonly Wiring[] {
  const byName = new Map(wirings.map((wiring) => [wiring.name, wiring]))
  const seen = new Set<Wiring>()
  const ordered: Wiring[] = []
  const path: { readonly wiring: Wiring; next: number }[] = []
  const enter = (wiring: Wiring) => {
    if (seen.has(wiring)) return
    seen.add(wiring)
    path.push({ wiring, next: 0 })
  }
  for (const wiring of wirings) {
    enter(wiring)
    for (let step = path.at(-1); step; step = path.at(-1)) {
      const need = step.wiring.needs[step.next++]
      const target = need && byName.get(need.task)
      if (target) enter(target)
      else if (!need) {
        ordered.push(step.wiring)
        path.pop()
      }
    }
  }
  return ordered
}
