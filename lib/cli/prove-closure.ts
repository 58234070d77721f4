import type { InstanceId, Reporter } from '../event/event.ts'
import { TaskError } from '../event/failure.ts'
import { toFailure } from '../host/to-failure.ts'
import type { Attempt } from '../isolation/attempts.ts'
import { boundsOf } from '../isolation/bounds.ts'
import { inspectNode, type NodeFacts } from '../isolation/inspect.ts'
import { type NodeUnderProof, proveNode } from '../isolation/prove-node.ts'
import type { Instance } from '../plan/plan.ts'
import { selectInstances } from '../plan/select-instances.ts'
import type { Outcome } from '../run/execute.ts'
import type { Node } from '../topology/topology.ts'
import type { GlobalOptions, Terminal } from './command.ts'
import type { HeldLab } from './hold-lab.ts'
import { noteIsolated } from './isolated-nodes.ts'
import type { Lab } from './lab.ts'

export type Closure = {
  readonly nodes: readonly string[]
  readonly outcome: Outcome
  readonly attempts: readonly Attempt[]
  /** Names that lead nowhere outside, by node. */
  readonly localNames: Readonly<Record<string, readonly string[]>>
  /** Instances on the nodes that ran while they were cut off, and those that were found done. */
  readonly ran: number
  readonly before: number
  /** Why this is no proof, whatever was seen: sentences. */
  readonly objections: readonly string[]
  /** What is to be known of it, and takes nothing away from it. */
  readonly remarks: readonly string[]
}

/** What makes machines runs first: there is no node to cut off before. */
export const makingTasks: readonly string[] = ['create-networks', 'create-vms']

/**
 * Has the machines made, cuts every node off, runs all, and puts every node back whatever happens. Throws a TaskError where a
 * node cannot be cut off; then nothing was changed on any.
 */
export async function proveClosure(
  terminal: Terminal,
  lab: Lab,
  held: HeldLab,
  options: GlobalOptions,
): Promise<Closure | Outcome> {
  const { topology, plan } = lab
  const say = (text: string) => options.quiet || terminal.error(`${text}\n`)
  const making = selectInstances(plan, { tasks: makingTasks })
  if (topology.nodes.some(({ machine }) => machine.kind === 'vm') && making.instances.length > 0) {
    const made = await held.run(making, { words: makingTasks.join(' ') })
    if (made.result !== 'ok') return made
  }
  const { session } = held
  const bounds = boundsOf(topology)
  const facts = await Promise.all(
    topology.nodes.map(async (node) => {
      const host = session.connections.to(node).bind({ signal: terminal.signal, onOutput: () => {} })
      return [node, await inspectNode(host, bounds)] as const
    }),
  )
  const remarks = facts.flatMap(([node, { client }]) =>
    client ? [`${node.name} keeps a way to ${client.address}, where kedge comes from: nothing but SSH may use it`] : [],
  )
  const tally = createTally(lab)
  noteIsolated(
    lab,
    topology.nodes.map(({ name }) => name),
  )
  const cutOff: NodeUnderProof[] = []
  try {
    await cutOffAll(facts, cutOff, (node, found) =>
      proveNode(session.connections.to(node), bounds, found, () => tally.running(node.name)),
    )
    for (const { deaf } of cutOff)
      if (deaf !== undefined) remarks.push(`${deaf}: which names are asked for is not heard`)
    say(`cut off, and watched: ${cutOff.map(({ node }) => node).join(', ')}`)
    const outcome = await held.run(plan, { words: 'all', watch: tally.watch })
    const objections: string[] = []
    const attempts: Attempt[] = []
    const localNames: Record<string, readonly string[]> = {}
    for (const node of cutOff) {
      const found = await node.finish().catch((error) => {
        objections.push(`what ${node.node} tried cannot be read: ${toFailure(error).message}`)
      })
      if (!found) continue
      attempts.push(...found.attempts)
      localNames[node.node] = found.localNames
      if (found.hole !== undefined) objections.push(`${node.node} was not cut off to the end: ${found.hole}`)
    }
    const { ran, before } = tally.counts()
    const nodes = topology.nodes.map(({ name }) => name)
    return { nodes, outcome, attempts, localNames, ran, before, objections, remarks }
  } finally {
    await putBack(terminal, lab, cutOff)
  }
}

/** All at once; where one cannot be cut off, the others are still waited for, so that they can be put back. */
async function cutOffAll(
  facts: readonly (readonly [Node, NodeFacts])[],
  done: NodeUnderProof[],
  cutOff: (node: Node, facts: NodeFacts) => Promise<NodeUnderProof>,
): Promise<void> {
  const settled = await Promise.allSettled(
    facts.map(async ([node, found]) => {
      done.push(await cutOff(node, found))
    }),
  )
  for (const one of settled) if (one.status === 'rejected') throw one.reason
}

async function putBack(terminal: Terminal, lab: Lab, cutOff: readonly NodeUnderProof[]): Promise<void> {
  const left: string[] = []
  await Promise.all(
    cutOff.map(async ({ node, restore }) => {
      const restored = await restore().catch((error) => {
        left.push(node)
        terminal.error(`${node} is still cut off: ${toFailure(error).message}\n`)
      })
      for (const route of restored?.lost ?? []) terminal.error(`${node}: this route did not come back: ${route}\n`)
    }),
  )
  noteIsolated(lab, left)
  if (left.length > 0) {
    throw new TaskError({
      kind: 'unreachable',
      message: `${left.join(', ')} could not be put back`,
      cure: 'kedge bundle prove --restore, once it answers; a reboot does it as well',
    })
  }
}

const noticedAfterSeconds = 2

/** Follows a run: what goes on where, and how it ended on the nodes. */
function createTally({ topology }: Lab) {
  const nodes = new Set(topology.nodes.map(({ name }) => name))
  const running = new Map<InstanceId, Pick<Instance, 'task' | 'node'>>()
  /** By node: an attempt is noticed a moment after it was made. */
  const last = new Map<string, { readonly task: string; readonly at: number }>()
  let ran = 0
  let before = 0
  const watch: Reporter = (event) => {
    if (event.type === 'task-checking') running.set(event.id, event)
    if (!('id' in event) || !endings.has(event.type)) return
    running.delete(event.id)
    last.set(event.node, { task: event.task, at: performance.now() })
    if (!nodes.has(event.node) || makingTasks.includes(event.task)) return
    if (event.type === 'task-finished' || event.type === 'task-failed') ran++
    else if (event.type === 'task-skipped' && event.because === 'already-done') before++
  }
  return {
    watch,
    running(name: string): readonly string[] {
      const now = [...running.values()].flatMap(({ task, node }) => (node === name ? [task] : []))
      const ended = last.get(name)
      const justNow = ended && performance.now() - ended.at < noticedAfterSeconds * 1000
      return now.length === 0 && justNow ? [ended.task] : now
    },
    counts: () => ({ ran, before }),
  }
}

const endings: ReadonlySet<string> = new Set(['task-finished', 'task-failed', 'task-skipped', 'task-pending'])
