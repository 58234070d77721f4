import { randomBytes } from 'node:crypto'
import { clusterOf } from '../distribution/cluster.ts'
import { distributionOf } from '../distribution/distribution.ts'
import { toFailure } from '../host/to-failure.ts'
import type { TaskContext } from '../task/task.ts'
import { controlPlane } from '../topology/addresses.ts'
import type { Verdict } from './finding.ts'

const namespace = 'default'
/** On every smoke pod; the value is the edge's name. */
const label = 'kedge.dev/smoke'
/** Beyond this the pod ends by itself, should kedge be killed. */
const lifeSeconds = 300
const startSeconds = 120
const logSeconds = 30

export type SmokeOptions = {
  readonly image: string
  readonly hostNetwork: boolean
  /** Milliseconds from any fixed point. */
  readonly now?: () => number
}

export type SmokeResult = { readonly runs: Verdict; readonly log: Verdict }

type Pod = {
  readonly status?: {
    readonly phase?: string
    readonly reason?: string
    readonly message?: string
    readonly podIP?: string
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[]
    readonly containerStatuses?: readonly {
      readonly state?: { readonly waiting?: Reason; readonly terminated?: Reason }
    }[]
  }
}
type Reason = { readonly reason?: string; readonly message?: string }

/**
 * Lets the scheduler put a pod on this edge, waits until it runs, and reads its log through `kubectl logs`, which leads
 * through CloudCore's tunnel. The pod is removed in any case. The figures count from the pod's creation.
 */
export async function runSmokePod(ctx: TaskContext, options: SmokeOptions): Promise<SmokeResult> {
  const { image, hostNetwork, now = () => performance.now() } = options
  const name = `kedge-smoke-${ctx.node.name}-${randomBytes(3).toString('hex')}`
  const marker = `kedge-${randomBytes(8).toString('hex')}`
  const began = now()
  const seconds = () => (now() - began) / 1000
  try {
    const created = await unlessRefused(ctx, () =>
      clusterOf(ctx).apply([smokePod({ name, node: ctx.node.name, image, marker, hostNetwork })]),
    )
    const runs = created ? { holds: false, figure: created } : await untilRunning(ctx, name, seconds)
    if (!runs.holds) return { runs, log: { holds: false, figure: 'the pod does not run' } }
    return { runs, log: await untilLogged(ctx, name, marker, seconds) }
  } finally {
    await remove(ctx, name)
  }
}

/** Takes away what a killed run left, without waiting for it: an edge that is cut off would hold everybody up. */
export async function removeSmokePods(ctx: TaskContext): Promise<void> {
  await clusterOf(ctx).run('-n', namespace, 'delete', 'pods', '-l', `${label}=${ctx.node.name}`, ...soon)
}

const soon = ['--ignore-not-found', '--grace-period=1', '--wait=false'] as const

/** Also after a stop, when nothing else runs any more. What cannot be removed now, the next smoke test removes. */
async function remove(ctx: TaskContext, name: string): Promise<void> {
  const { $ } = ctx.afterwards(controlPlane(ctx.topology))
  try {
    await $`${distributionOf(ctx).kubectl} -n ${namespace} delete pod ${name} ${soon}`
  } catch (error) {
    ctx.say(`pod ${name} was not removed: ${toFailure(error).message}`)
  }
}

/** Nothing is pulled, no token is mounted: the pod asks of the edge only that it can run one. */
export function smokePod(options: {
  readonly name: string
  readonly node: string
  readonly image: string
  readonly marker: string
  readonly hostNetwork: boolean
}): object {
  const { name, node, image, marker, hostNetwork } = options
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { [label]: node } },
    spec: {
      // A selector and no nodeName, so that the scheduler has its part.
      nodeSelector: { 'kubernetes.io/hostname': node },
      tolerations: [{ operator: 'Exists' }],
      hostNetwork,
      dnsPolicy: 'Default',
      restartPolicy: 'Never',
      activeDeadlineSeconds: lifeSeconds,
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [
        {
          name: 'smoke',
          image,
          imagePullPolicy: 'Never',
          command: ['/bin/sh', '-c', `echo ${marker}; exec sleep ${lifeSeconds}`],
        },
      ],
    },
  }
}

async function untilRunning(ctx: TaskContext, name: string, seconds: () => number): Promise<Verdict> {
  const cluster = clusterOf(ctx)
  let said = ''
  for (;;) {
    const pod = await cluster.get<Pod>('-n', namespace, 'pod', name)
    if (!pod) return { holds: false, figure: 'the pod has gone away' }
    const { phase = 'Pending', podIP } = pod.status ?? {}
    if (phase === 'Running') {
      return { holds: true, figure: `after ${shown(seconds())}${podIP ? ` at ${podIP}` : ''}` }
    }
    const { why, isOver } = obstacle(pod)
    if (isOver) return { holds: false, figure: why }
    if (seconds() > startSeconds) return { holds: false, figure: `not within ${startSeconds} s: ${why}` }
    if (why !== said) ctx.say(`pod ${name}: ${why}`)
    said = why
    await ctx.sleep(1)
  }
}

/** Reasons that no waiting cures. */
const hopeless: ReadonlySet<string> = new Set(['ErrImageNeverPull', 'InvalidImageName'])

/** Why a pod does not run, in the cluster's words, and whether it never will. */
function obstacle({ status = {} }: Pod): { readonly why: string; readonly isOver: boolean } {
  const words = ({ reason, message }: Reason) => [reason, message].filter(Boolean).join(': ')
  const { phase = 'Pending' } = status
  const states = status.containerStatuses?.map(({ state }) => state) ?? []
  const terminated = states.find((state) => state?.terminated)?.terminated
  if (phase === 'Failed' || phase === 'Succeeded') {
    return { why: [phase, words(terminated ?? status)].filter(Boolean).join(': '), isOver: true }
  }
  const waiting = states.find((state) => state?.waiting)?.waiting
  if (waiting) return { why: words(waiting), isOver: hopeless.has(waiting.reason ?? '') }
  const unscheduled = status.conditions?.find(({ type, status: holds }) => type === 'PodScheduled' && holds === 'False')
  return { why: unscheduled?.message ?? phase, isOver: false }
}

/** The tunnel may come up a moment after the node; a pod's first line may take as long. */
async function untilLogged(ctx: TaskContext, name: string, marker: string, seconds: () => number): Promise<Verdict> {
  const runningAt = seconds()
  for (;;) {
    let text = ''
    const why = await unlessRefused(ctx, async () => {
      text = await clusterOf(ctx).run('-n', namespace, 'logs', name, '--tail=20')
    })
    if (text.includes(marker)) return { holds: true, figure: `after ${shown(seconds())}` }
    if (seconds() - runningAt > logSeconds) {
      return { holds: false, figure: why ?? (text.trim() === '' ? 'the log is empty' : 'the log is not this pod’s') }
    }
    await ctx.sleep(1)
  }
}

/** Undefined, or why the command failed in its own last words. A lost host and a stop are thrown on. */
async function unlessRefused(ctx: TaskContext, command: () => Promise<void>): Promise<string | undefined> {
  try {
    await command()
    return undefined
  } catch (error) {
    ctx.signal.throwIfAborted()
    const { kind, message, lastLines } = toFailure(error)
    if (kind !== 'command') throw error
    return lastLines?.at(-1)?.trim() || message
  }
}

const shown = (seconds: number): string => `${seconds.toFixed(1)} s`
