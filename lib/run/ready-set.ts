import type { InstanceId } from '../event/event.ts'
import type { Instance } from '../plan/plan.ts'

/** Instances whose needs are met, and which of them is started next. */
export type ReadySet = {
  add(instance: Instance): void
  /** One that has the most steps after it, one after the other; among equals any, by `random`. Undefined where there is none. */
  take(): Instance | undefined
}

/**
 * Where not all that could start may, what holds up most goes first: with many edges the control plane would else wait for its
 * turn among them. `instances` are those of a plan, each after what it waits for.
 */
export function readySet(instances: readonly Instance[], random: () => number): ReadySet {
  const stepsAfter = new Map<InstanceId, number>()
  for (const { id, waitsFor } of instances.toReversed()) {
    const steps = (stepsAfter.get(id) ?? 0) + 1
    for (const need of waitsFor) stepsAfter.set(need, Math.max(stepsAfter.get(need) ?? 0, steps))
  }
  /** By the number of steps after them, so that neither adding nor taking one goes through all. */
  const bySteps = new Map<number, Instance[]>()
  let count = 0
  let most = 0
  return {
    add(instance) {
      const steps = stepsAfter.get(instance.id) ?? 0
      const equals = bySteps.get(steps)
      if (equals) equals.push(instance)
      else bySteps.set(steps, [instance])
      most = Math.max(most, steps)
      count++
    },
    take() {
      if (count === 0) return undefined
      while (!bySteps.get(most)?.length) most--
      const equals = bySteps.get(most) as Instance[]
      const pick = Math.floor(random() * equals.length)
      const instance = equals[pick]
      equals[pick] = equals[equals.length - 1] as Instance
      equals.pop()
      count--
      return instance
    },
  }
}
