import { type Cluster, clusterOf } from '../distribution/cluster.ts'
import { toFailure } from '../host/to-failure.ts'
import { contextMaker, type Surroundings } from '../run/task-context.ts'
import type { Terminal } from './command.ts'

/** How long the cluster is given: to move pods away, and to answer anything else. */
const drainSeconds = 30
const answerSeconds = 60

/** Takes a node out of the Kubernetes cluster before its machine goes. A cluster that does not answer is no obstacle. */
export async function leaveCluster(surroundings: Surroundings, name: string, terminal: Terminal): Promise<void> {
  const master = surroundings.topology.nodes.find(({ role }) => role === 'control-plane')
  if (!master || master.name === name) return
  const within = (seconds: number): Cluster => {
    const instance = { id: `destroy@${master.name}`, task: 'destroy', node: master.name } as const
    const fields = { ...instance, phase: 'configuration' }
    const signal = AbortSignal.any([terminal.signal, AbortSignal.timeout(seconds * 1000)])
    return clusterOf(
      contextMaker(surroundings)(
        { ...fields, phase: 'configuration', waitsFor: [], timeoutSeconds: seconds, retries: 0 },
        { signal, fields, onOutput: () => {} },
      ),
    )
  }
  try {
    if (!(await within(answerSeconds).get('node', name))) {
      terminal.error(`${name} is not in the cluster\n`)
      return
    }
    // Pods of DaemonSets would come back at once; what lies in an emptyDir goes with the node in any case.
    const options = ['--ignore-daemonsets', '--delete-emptydir-data', '--force', `--timeout=${drainSeconds}s`]
    await within(drainSeconds + 15)
      .run('drain', name, ...options)
      .catch((error) => {
        if (!terminal.signal.aborted) terminal.error(`${name} was not drained: ${lastWords(error)}; going on\n`)
      })
    await within(answerSeconds).run('delete', 'node', name, '--ignore-not-found')
    terminal.error(`${name} is out of the cluster\n`)
  } catch (error) {
    if (terminal.signal.aborted) throw error
    terminal.error(
      `the cluster was not told: ${lastWords(error)}; once it answers: kedge kubectl delete node ${name}\n`,
    )
  }
}

function lastWords(error: unknown): string {
  const { message, lastLines = [] } = toFailure(error)
  return lastLines.at(-1)?.trim() || message
}
