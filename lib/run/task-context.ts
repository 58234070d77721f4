import type { Bundle } from '../bundle/bundle.ts'
import { architectureOf } from '../bundle/architecture.ts'
import { TaskError } from '../event/failure.ts'
import type { Connection, Host } from '../host/host.ts'
import type { Secret } from '../host/secret.ts'
import type { Instance } from '../plan/plan.ts'
import type { TaskContext } from '../task/task.ts'
import { hypervisorNode, type Node, type Topology, type Wiring } from '../topology/topology.ts'
import type { InstanceBinding } from './world.ts'

/** What contexts are made from, the same for a whole run. */
export type Surroundings = {
  readonly topology: Topology
  connection(node: Node): Connection
  /** Throws a TaskError of kind `bundle` where the lab has none. */
  bundle(): Bundle
  secret(value: string): Secret
  readonly stateFolder: string
  sleep(seconds: number, signal: AbortSignal): Promise<void>
}

/** What one attempt of one instance may see and touch. Hosts are bound to its signal and its output at first use. */
export function taskContext(surroundings: Surroundings, instance: Instance, binding: InstanceBinding): TaskContext {
  const { topology } = surroundings
  const node = nodeOf(topology, instance.node)
  const env = wiringOf(topology, instance.task).env
  const bound = new Map<string, Host>()
  const on = (target: Node): Host => {
    let host = bound.get(target.name)
    if (!host) {
      const isHypervisor = target.machine.kind === 'hypervisor'
      host = surroundings.connection(target).bind({
        signal: binding.signal,
        onOutput: binding.onOutput,
        env,
        ...(isHypervisor ? { cwd: topology.folder } : {}),
      })
      bound.set(target.name, host)
    }
    return host
  }
  return {
    node,
    topology,
    get $() {
      return on(node).$
    },
    get host() {
      return on(node)
    },
    get hypervisor() {
      return on(hypervisorNode)
    },
    on,
    asset: (name) => surroundings.bundle().asset(name, architectureOf(node)),
    assets: (kind) => surroundings.bundle().assets(kind, architectureOf(node)),
    secret: surroundings.secret,
    say: (text) => binding.onOutput('note', text),
    stateFolder: surroundings.stateFolder,
    sleep: (seconds) => surroundings.sleep(seconds, binding.signal),
    signal: binding.signal,
  }
}

/** A node by name, the hypervisor's stand-in included. */
export function nodeOf(topology: Topology, name: string): Node {
  const node = name === hypervisorNode.name ? hypervisorNode : topology.nodes.find((candidate) => candidate.name === name)
  if (!node) throw new TaskError({ kind: 'refused', message: `${name} is not a node of lab ${topology.lab}` })
  return node
}

function wiringOf(topology: Topology, task: string): Wiring {
  const wiring = topology.tasks.find(({ name }) => name === task)
  if (!wiring) throw new TaskError({ kind: 'refused', message: `${task} is not a task of lab ${topology.lab}` })
  return wiring
}
