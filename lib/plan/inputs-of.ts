import { createHash } from 'node:crypto'
import { hypervisorNode, type Topology, type Wiring } from '../topology/topology.ts'
import type { Instance } from './plan.ts'

/**
 * What an instance was given, a short digest for each part of it: `task` its code and what the file says of it, `node` the
 * entry of its node, `nodes` those of all, and so on. Two that are equal were given the same; `kedge` is the version.
 */
export type Inputs = Readonly<Record<string, string>>

/** `code`: task → digest of the file that an own task comes from. One-liners see no more than themselves and their node. */
export function inputsOf(
  topology: Topology,
  kedge: string,
  code: ReadonlyMap<string, string>,
): (instance: Pick<Instance, 'task' | 'node'>) => Inputs {
  const { nodes, networks, kubernetes, kubeedge, hypervisor } = topology
  const nodeDigests = new Map([hypervisorNode, ...nodes].map((node) => [node.name, digest(node)]))
  const taskDigests = new Map(topology.tasks.map((wiring) => [wiring.name, taskDigest(wiring, code)]))
  const oneLiners = new Set(topology.tasks.filter(({ sh }) => sh !== undefined).map(({ name }) => name))
  const lab = {
    nodes: digest(nodes),
    networks: digest(networks),
    kubernetes: digest(kubernetes),
    kubeedge: digest(kubeedge),
    hypervisor: digest(hypervisor),
    kedge,
  }
  return ({ task, node }) => ({
    task: taskDigests.get(task) ?? '',
    node: nodeDigests.get(node) ?? '',
    ...(oneLiners.has(task) ? {} : lab),
  })
}

/** Parts that differ; nothing is known of what was not noted. */
export function changedInputs(before: Inputs | undefined, now: Inputs): readonly string[] {
  const changed = Object.keys(now).filter((part) => before?.[part] !== undefined && before[part] !== now[part])
  // What changed of the node itself has changed of all nodes too, and need not be said twice.
  return changed.includes('node') ? changed.filter((part) => part !== 'nodes') : changed
}

const taskDigest = ({ name, sh, check, env }: Wiring, code: ReadonlyMap<string, string>): string =>
  digest([sh, check, env, code.get(name)])

/** Short: a change must show, and what was given must not be guessed from it. */
const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 8)
