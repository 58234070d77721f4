import type { InstanceId } from '../event/event.ts'
import type { Instance, Plan } from './plan.ts'

export type Selection = {
  /** Task names, or `all`. */
  readonly tasks: readonly string[]
  /** Node names: of the named tasks only these instances, with what they need wherever that runs. */
  readonly on?: readonly string[]
  /** Task names taken as done: who waits for them waits for what they waited for. */
  readonly skip?: readonly string[]
  /** The named tasks alone, without what they need. */
  readonly only?: boolean
}

/** Those that a selection names itself; the others are in its plan because these need them. */
export const namedInstances = ({ instances }: Plan, { tasks, on }: Selection): ReadonlySet<InstanceId> => {
  const names = new Set(tasks)
  const isNamed = ({ task, node }: Instance) =>
    (names.has('all') || names.has(task)) && (!on?.length || on.includes(node))
  return new Set(instances.filter(isNamed).map(({ id }) => id))
}

/** The part of a plan that a command asks for. Empty when nothing matches. */
export function selectInstances(plan: Plan, selection: Selection): Plan {
  const byId = new Map(plan.instances.map((instance) => [instance.id, instance]))

  const wanted = new Set<InstanceId>()
  const want = (id: InstanceId) => {
    if (wanted.has(id)) return
    wanted.add(id)
    if (!selection.only) byId.get(id)?.waitsFor.forEach(want)
  }
  for (const id of namedInstances(plan, selection)) want(id)
  for (const instance of plan.instances) if (selection.skip?.includes(instance.task)) wanted.delete(instance.id)

  // Instances stand after their needs, so what a left-out instance waited for is known when its dependents come up.
  const reduced = new Map<InstanceId, readonly InstanceId[]>()
  const instances: Instance[] = []
  for (const instance of plan.instances) {
    const isLeftOut = instance.waitsFor.some((id) => !wanted.has(id))
    const waitsFor = isLeftOut
      ? [...new Set(instance.waitsFor.flatMap((id) => (wanted.has(id) ? [id] : (reduced.get(id) ?? []))))]
      : instance.waitsFor
    reduced.set(instance.id, waitsFor)
    if (wanted.has(instance.id)) instances.push({ ...instance, waitsFor })
  }
  return { lab: plan.lab, instances }
}
