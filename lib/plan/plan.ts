import type { InstanceFields, InstanceId } from '../event/event.ts'
import type { Phase } from '../topology/topology.ts'

/** One task on one node. */
export type Instance = {
  readonly id: InstanceId
  readonly task: string
  readonly node: string
  readonly phase: Phase
  readonly waitsFor: readonly InstanceId[]
  readonly timeoutSeconds: number
  readonly retries: number
}

/** A DAG of instances, each after all that it waits for. */
export type Plan = { readonly lab: string; readonly instances: readonly Instance[] }

/** What every event about an instance repeats. */
export const fieldsOf = ({ id, task, node, phase }: Instance): InstanceFields => ({ id, task, node, phase })
