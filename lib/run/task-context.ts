import type { Bundle } from '../bundle/bundle.ts'
import type { Connection, Host } from '../host/host.ts'
import type { Looks } from '../host/looks.ts'
import { mask, type Secret } from '../host/secret.ts'
import type { Instance } from '../plan/plan.ts'
import type { TaskContext } from '../task/task.ts'
import { hypervisorNode, type Node, type Topology } from '../topology/topology.ts'
import type { InstanceBinding } from './world.ts'

/** What contexts are made from, the same for a whole run. */
export type Surroundings = {
  readonly topology: Topology
  connection(node: Node): Connection
  /** Throws a TaskError of kind `bundle` where the lab has none. */
  bundle(): Bundle
  /** What `TaskContext.attachBundle` does; without it pieces are sent. */
  attachBundle?(ctx: TaskContext): Promise<boolean>
  secret(value: string): Secret
  /** Shared by all contexts, where nothing is changed without its being told. */
  readonly looks?: Looks
  readonly stateFolder: string
  sleep(seconds: number, signal: AbortSignal): Promise<void>
}

/**
 * Makes what one attempt of one instance may see and touch. Hosts are bound to its signal and its output at first use.
 */
export function contextMaker(
  surroundings: Surroundings,
): (instance: Instance, binding: InstanceBinding) => TaskContext {
  const nodes = new Map([hypervisorNode, ...surroundings.topology.nodes].map((node) => [node.name, node]))
  const environments = new Map(surroundings.topology.tasks.map(({ name, env }) => [name, env]))
  return (instance, binding) => {
    const node = nodes.get(instance.node)
    if (!node) throw new Error(`${instance.node} is not a node of this lab`)
    return taskContext(surroundings, node, environments.get(instance.task) ?? {}, binding)
  }
}

function taskContext(
  surroundings: Surroundings,
  node: Node,
  env: Readonly<Record<string, string>>,
  binding: InstanceBinding,
): TaskContext {
  const { topology } = surroundings
  const bound = new Map<string, Host>()
  const bind = (target: Node, signal: AbortSignal): Host =>
    surroundings.connection(target).bind({
      signal,
      onOutput: binding.onOutput,
      env,
      ...(target.machine.kind === 'hypervisor' ? { cwd: topology.folder } : {}),
      ...(surroundings.looks ? { looks: surroundings.looks } : {}),
    })
  const on = (target: Node): Host => {
    const host = bound.get(target.name) ?? bind(target, binding.signal)
    bound.set(target.name, host)
    return host
  }
  const ctx: TaskContext = {
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
    afterwards: (target) => bind(target, later(binding.signal, afterwardsSeconds)),
    asset: (name) => surroundings.bundle().asset(name, node.architecture),
    assets: (kind) => surroundings.bundle().assets(kind, node.architecture),
    attachBundle: async () => (await surroundings.attachBundle?.(ctx)) ?? false,
    secret: surroundings.secret,
    // What a program printed may stand in a note, and a program may print its token.
    say: (text) => binding.onOutput('note', mask(text)),
    stateFolder: surroundings.stateFolder,
    sleep: (seconds) => surroundings.sleep(seconds, binding.signal),
    signal: binding.signal,
  }
  return ctx
}

/** Less than what a stopped task is given to let go. */
const afterwardsSeconds = 8

/** Fires so many seconds after another signal. */
function later(signal: AbortSignal, seconds: number): AbortSignal {
  const controller = new AbortController()
  const count = () => void setTimeout(() => controller.abort(signal.reason), seconds * 1000).unref()
  if (signal.aborted) count()
  else signal.addEventListener('abort', count, { once: true })
  return controller.signal
}
