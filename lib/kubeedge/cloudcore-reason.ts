import { clusterOf } from '../distribution/cluster.ts'
import { distributionOf } from '../distribution/distribution.ts'
import { knownFailure } from '../event/known-failure.ts'
import { linesOf } from '../host/lines-of.ts'
import { type Reason, reasonIn } from '../task/reason.ts'
import type { TaskContext } from '../task/task.ts'

type Pods = { readonly items: readonly Pod[] }
type Pod = {
  readonly metadata: { readonly name: string }
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[]
    readonly containerStatuses?: readonly {
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } }
    }[]
  }
}
type Warnings = { readonly items: readonly { readonly reason?: string; readonly message?: string }[] }

const keptWarnings = 5

/** Why CloudCore does not come up: what holds its pods back, Kubernetes' warnings about them, and the end of its own log. */
export async function cloudcoreReason(ctx: TaskContext, namespace: string): Promise<Reason | undefined> {
  const cluster = clusterOf(ctx)
  const [pods, events, log] = await Promise.all([
    cluster.get<Pods>('-n', namespace, 'pods'),
    cluster.get<Warnings>('-n', namespace, 'events', '--field-selector=type=Warning'),
    lastLog(ctx, namespace),
  ])
  const held = (pods?.items ?? []).flatMap(whyHeldBack)
  const warnings = new Set(events?.items.map(({ reason, message }) => `${reason}: ${message}`))
  const seen = [...held, ...[...warnings].slice(-keptWarnings)]
  const said = reasonIn(log, ctx.node.name)
  const [first] = seen
  if (first === undefined) return said
  const known = knownFailure([...seen, ...log], ctx.node.name)
  return { lines: [...seen, ...(said?.lines ?? [])], ...(known ?? { cause: first }) }
}

/** In the pod's own words: cannot be scheduled, cannot pull, cannot start. */
function whyHeldBack({ metadata, status }: Pod): readonly string[] {
  const unscheduled = status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False')
  const waiting = (status?.containerStatuses ?? []).flatMap(({ state }) => (state?.waiting ? [state.waiting] : []))
  return [
    ...(unscheduled ? [`${metadata.name} is not scheduled: ${unscheduled.message ?? 'nobody says why'}`] : []),
    ...waiting
      .filter(({ reason }) => reason !== 'ContainerCreating')
      .map(({ reason, message }) => `${metadata.name} waits: ${reason}${message ? `: ${message}` : ''}`),
  ]
}

/** Of the container that runs, or of the one before it where that one has only just begun. */
async function lastLog(ctx: TaskContext, namespace: string): Promise<readonly string[]> {
  const { host } = clusterOf(ctx)
  const kubectl = [...distributionOf(ctx).kubectl, '-n', namespace, 'logs', 'deployment/cloudcore', '--tail=200']
  const [before, now] = await Promise.all([
    host.$({ quiet: true })`${kubectl} --previous`.nothrow(),
    host.$({ quiet: true })`${kubectl}`.nothrow(),
  ])
  return [...linesOf(before), ...linesOf(now)]
}
