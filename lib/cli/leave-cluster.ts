import { type Cluster, clusterOf } from '../distribution/cluster.ts'
import { distributionOf } from '../distribution/distribution.ts'
import { toFailure } from '../host/to-failure.ts'
import { leaveAsEdge } from '../kubeedge/reset-edge.ts'
import { contextMaker, type Surroundings } from '../run/task-context.ts'
import type { TaskContext } from '../task/task.ts'
import type { Terminal } from './command.ts'

/** How long the cluster is given: to move pods away, and to answer anything else. */
const drainSeconds = 30
const answerSeconds = 60
/** How long the machine is given to end what it runs for the cluster. */
const leaveSeconds = 300

/**
 * Takes a node out of the Kubernetes cluster: its pods move away, a machine that stays is told to leave, and the Node object
 * goes. Neither a cluster nor a machine that does not answer is an obstacle; each is said, with what remains to be done.
 */
export async function leaveCluster(surroundings: Surroundings, name: string, terminal: Terminal): Promise<void> {
  const { nodes } = surroundings.topology
  const master = nodes.find(({ role }) => role === 'control-plane')
  const node = nodes.find((candidate) => candidate.name === name)
  if (!master || master.name === name) return
  const contextOf = (on: string, seconds: number): TaskContext => {
    const fields = { id: `destroy@${on}`, task: 'destroy', node: on, phase: 'configuration' } as const
    const signal = AbortSignal.any([terminal.signal, AbortSignal.timeout(seconds * 1000)])
    return contextMaker(surroundings)(
      { ...fields, waitsFor: [], timeoutSeconds: seconds, retries: 0 },
      { signal, fields, onOutput: () => {} },
    )
  }
  const cluster = (seconds: number): Cluster => clusterOf(contextOf(master.name, seconds))
  const said = (work: Promise<unknown>, words: (why: string) => string) =>
    work.then(
      () => true,
      (error) => {
        if (terminal.signal.aborted) throw error
        terminal.error(`${words(lastWords(error))}\n`)
        return false
      },
    )

  const noAnswer = (why: string) =>
    `the cluster was not told: ${why}; once it answers: kedge kubectl delete node ${name}`
  let isIn = false
  const answers = await said(
    cluster(answerSeconds)
      .get('node', name)
      .then((object) => {
        isIn = object !== undefined
      }),
    noAnswer,
  )
  if (answers && !isIn) terminal.error(`${name} is not in the cluster\n`)
  if (isIn) {
    // Pods of DaemonSets would come back at once; what lies in an emptyDir goes with the node in any case.
    const options = ['--ignore-daemonsets', '--delete-emptydir-data', '--force', `--timeout=${drainSeconds}s`]
    const drained = cluster(drainSeconds + 15).run('drain', name, ...options)
    if (await said(drained, (why) => `${name} was not drained: ${why}; going on`))
      terminal.error(`${name} is drained\n`)
  }
  if (node?.machine.kind === 'existing') {
    const ctx = contextOf(name, leaveSeconds)
    const left = node.role === 'edge' ? leaveAsEdge(ctx) : distributionOf(ctx).leaveAsWorker(ctx)
    const again = `kedge destroy --node ${name}`
    if (await said(left, (why) => `${name} itself was not told: ${why}; once it answers: ${again}`)) {
      terminal.error(`${name} runs nothing for the cluster any more, and what kedge installed there stays\n`)
    }
  }
  // Last: what still ran there could have registered the node again.
  if (isIn && (await said(cluster(answerSeconds).run('delete', 'node', name, '--ignore-not-found'), noAnswer))) {
    terminal.error(`${name} is out of the cluster\n`)
  }
}

function lastWords(error: unknown): string {
  const { message, lastLines = [] } = toFailure(error)
  return lastLines.at(-1)?.trim() || message
}
