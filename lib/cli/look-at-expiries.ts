import { expiriesOn } from '../kubeedge/certificates.ts'
import { type Expiry, mostUrgentFirst } from '../kubeedge/expiry.ts'
import { contextMaker, type Surroundings } from '../run/task-context.ts'
import type { Node } from '../topology/topology.ts'

/** An emulated VM that is busy answers late; one that is gone is not waited for longer than this. */
const patienceSeconds = 60

/** What expires on these nodes, all of them asked at once; most urgent first. */
export async function lookAtExpiries(
  surroundings: Surroundings,
  nodes: readonly Node[],
  now: Date,
  signal: AbortSignal,
): Promise<readonly Expiry[]> {
  const contextOf = contextMaker(surroundings)
  const found = nodes.map((node) => {
    const fields = { id: `status@${node.name}`, task: 'status', node: node.name, phase: 'verification' } as const
    const ctx = contextOf(
      { ...fields, waitsFor: [], timeoutSeconds: patienceSeconds, retries: 0 },
      {
        signal: AbortSignal.any([signal, AbortSignal.timeout(patienceSeconds * 1000)]),
        fields,
        onOutput: () => {},
      },
    )
    return expiriesOn(ctx, now)
  })
  return mostUrgentFirst((await Promise.all(found)).flat())
}
