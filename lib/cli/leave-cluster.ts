import { clusterOf } from '../distribution/cluster.ts'
import { toFailure } from '../host/to-failure.ts'
import { contextMaker, type Surroundings } from '../run/task-context.ts'
import type { Terminal } from './command.ts'

/** Takes a node out of the Kubernetes cluster before its machine goes. A cluster that does not answer is no obstacle. */
export async function leaveCluster(surroundings: Surroundings, name: string, terminal: Terminal): Promise<void> {
  const master = surroundings.topology.nodes.find(({ role }) => role === 'control-plane')
  if (!master || master.name === name) return
  const instance = { id: `destroy@${master.name}`, task: 'destroy', node: master.name } as const
  const fields = { ...instance, phase: 'configuration' }
  const ctx = contextMaker(surroundings)(
    { ...fields, phase: 'configuration', waitsFor: [], timeoutSeconds: 60, retries: 0 },
    { signal: AbortSignal.any([terminal.signal, AbortSignal.timeout(60_000)]), fields, onOutput: () => {} },
  )
  try {
    const cluster = clusterOf(ctx)
    if (!(await cluster.get('node', name))) return
    await cluster
      .run('drain', name, '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=30s')
      .catch(() => {
        terminal.error(`${name} could not be drained; going on\n`)
      })
    await cluster.run('delete', 'node', name, '--ignore-not-found')
  } catch (error) {
    terminal.error(`the cluster was not told: ${toFailure(error).message}\n`)
  }
}
