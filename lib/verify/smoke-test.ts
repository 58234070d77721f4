import { type AskNode, clusterOf, nodeAlone, nodeAmongAll } from '../distribution/cluster.ts'
import { smokeAnnotation } from '../distribution/node-list.ts'
import { TaskError } from '../event/failure.ts'
import type { TaskContext } from '../task/task.ts'
import { answersTo, once, type Question, type Verdict, verdictOn } from './finding.ts'
import { removeSmokePods, runSmokePod, type SmokeResult } from './smoke-pod.ts'

type SmokeTest = { readonly host: SmokeResult; readonly bridged: SmokeResult | undefined }

/**
 * Proves this edge with pods, each time anew: one in the host's network and, where the edge has a pod network, one in that.
 * Changes the cluster for as long as it takes, and leaves a mark of what came of it on the Node object.
 */
export function smokeQuestions(ctx: TaskContext): readonly Question[] {
  const test = once(() => smokeTest(ctx))
  const question = (claim: string, pick: (made: SmokeTest) => Verdict | undefined): Question => ({
    node: ctx.node.name,
    claim,
    ask: async () => pick(await test()),
  })
  return [
    question('a pod on the host network runs', ({ host }) => host.runs),
    question('kubectl logs reads the pod on the host network', ({ host }) => host.log),
    question('a pod on the pod network runs', ({ bridged }) => bridged?.runs),
    question('kubectl logs reads the pod on the pod network', ({ bridged }) => bridged?.log),
  ]
}

/** The same for a task: fails with what did not hold, and may be tried again. */
export async function passSmokeTest(ctx: TaskContext): Promise<void> {
  const proof = verdictOn(await answersTo(smokeQuestions(ctx)))
  if (!proof.done) throw new TaskError({ kind: 'command', message: proof.why })
}

/** Whether a smoke test has passed on this node as it is now; only looks. */
export function smokeMark(ctx: TaskContext): Question {
  return {
    node: ctx.node.name,
    claim: 'a smoke pod has passed since the edge booted',
    async ask() {
      const { mark, wanted } = await marked(ctx, nodeAmongAll(ctx))
      if (mark === undefined) return { holds: false, figure: 'none has' }
      const [at = '', ...stamp] = mark.split(' ')
      return { holds: stamp.join(' ') === wanted, figure: `the last one at ${at}` }
    },
  }
}

async function smokeTest(ctx: TaskContext): Promise<SmokeTest> {
  const image = smokeImage(ctx)
  const hasNetwork = await hasPodNetwork(ctx)
  await removeSmokePods(ctx)
  // Each pod waits for the edge most of its time. One that fails does not leave the other behind.
  const networks = hasNetwork ? [true, false] : [true]
  const ended = await Promise.allSettled(networks.map((hostNetwork) => runSmokePod(ctx, { image, hostNetwork })))
  const [host, bridged] = ended.map(resultOf)
  await leaveMark(
    ctx,
    [host, bridged].every((pod) => !pod || (pod.runs.holds && pod.log.holds)),
  )
  return { host: host as SmokeResult, bridged }
}

function resultOf(ended: PromiseSettledResult<SmokeResult>): SmokeResult {
  if (ended.status === 'rejected') throw ended.reason
  return ended.value
}

async function leaveMark(ctx: TaskContext, hasPassed: boolean): Promise<void> {
  const { mark, wanted } = await marked(ctx, nodeAlone(ctx))
  if (!hasPassed && mark === undefined) return
  const change = hasPassed ? `${smokeAnnotation}=${new Date().toISOString()} ${wanted}` : `${smokeAnnotation}-`
  await clusterOf(ctx).run('annotate', 'node', ctx.node.name, '--overwrite', change)
}

/** The mark that the node carries, and what one of now would say besides its time. */
async function marked(
  ctx: TaskContext,
  askNode: AskNode,
): Promise<{ readonly mark: string | undefined; readonly wanted: string }> {
  const [object, boot] = await Promise.all([
    askNode(),
    // Asked of the edge itself: what the Node object says of it is as old as edgecore's last registration.
    ctx.$`cat /proc/sys/kernel/random/boot_id`,
  ])
  const version = object?.status?.nodeInfo?.kubeletVersion ?? '-'
  return {
    mark: object?.metadata.annotations?.[smokeAnnotation],
    wanted: `${object?.metadata.uid ?? '-'} ${boot.stdout.trim()} ${version}`,
  }
}

/**
 * An image that this edge has and that holds a shell: a busybox of the bundle's, or what keadm takes edgecore out of, which
 * no edge joins without. The latter also where there is no bundle (any more): the lab stands all the same.
 */
export function smokeImage(ctx: Pick<TaskContext, 'assets' | 'node' | 'topology'>): string {
  const own = imagesOf(ctx)
    .filter(({ roles }) => roles.length === 0 || roles.includes(ctx.node.role))
    .map(({ name }) => name)
  const find = (pattern: RegExp) => own.find((name) => pattern.test(name))
  return (
    find(/\/busybox[^/]*$/) ??
    find(/\/kubeedge\/installation-package:/) ??
    `docker.io/kubeedge/installation-package:v${ctx.topology.kubeedge.version}`
  )
}

function imagesOf(ctx: Pick<TaskContext, 'assets'>) {
  try {
    return ctx.assets('image')
  } catch (error) {
    if (error instanceof TaskError && error.failure.kind === 'bundle') return []
    throw error
  }
}

async function hasPodNetwork({ $ }: TaskContext): Promise<boolean> {
  const found = await $`ls /etc/cni/net.d 2>/dev/null | grep -cE '[.](conf|conflist|json)$'`.nothrow()
  return found.exitCode === 0
}
