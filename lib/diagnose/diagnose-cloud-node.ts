import { clusterOf, type NodeObject } from '../distribution/cluster.ts'
import { distributionOf } from '../distribution/distribution.ts'
import { clockOffset } from '../host/clock-offset.ts'
import { linesOf } from '../host/lines-of.ts'
import { silentPorts } from '../kubeedge/silent-ports.ts'
import { unitLog } from '../task/reason.ts'
import type { TaskContext } from '../task/task.ts'
import { cloudAddress, controlPlane } from '../topology/addresses.ts'
import { clockStep, loginStep, nodeReadyStep, serviceStep } from './diagnose-node.ts'
import { runtimeStep } from './diagnose-runtime.ts'
import { type Attempt, attempt, type Diagnosis, fail, ok, type Step, skip } from './diagnosis.ts'

const apiPort = 6443

/** Why a control plane or a worker is not Ready. Changes nothing anywhere. */
export async function diagnoseCloudNode(ctx: TaskContext, now: () => number): Promise<Diagnosis> {
  const { node, host, topology } = ctx
  const cluster = clusterOf(ctx)
  const unit = distributionOf(ctx).kubeletUnit(node)
  const isMaster = node.role === 'control-plane'
  const [swap, object] = await Promise.all([
    attempt(async () => linesOf(await host.$({ quiet: true })`tail -n +2 /proc/swaps`)),
    attempt(() => cluster.get<NodeObject>('node', node.name)),
  ])
  const login = loginStep(ctx, swap.ok ? { ok: true, value: {} } : swap)
  const isUnreachable = !swap.ok || (!object.ok && object.isUnreachable)
  const named = { node: node.name, role: node.role, isUnreachable }
  if (!swap.ok) return { ...named, steps: [login, nodeReadyStep(ctx, object)] }

  const [own, theirs, runtime, service, api] = await Promise.all([
    attempt(() => clockOffset(host, now)),
    isMaster ? undefined : attempt(() => clockOffset(cluster.host, now)),
    runtimeStep(ctx),
    attempt(() => unitLog(host, unit)),
    attempt(() => silentPorts(ctx, [cloudAddress(topology, controlPlane(topology))], [apiPort])),
  ])
  const install = isMaster ? 'init-cluster' : 'join-worker'
  const kubelet = serviceStep(ctx, unit, service, `kedge run ${install} --on ${node.name}`)
  return {
    ...named,
    steps: [
      login,
      clockStep(ctx, own, theirs),
      swapStep(node.name, swap.value),
      runtime,
      kubelet.step,
      apiStep(ctx, api),
      nodeReadyStep(ctx, object, kubelet.reason),
    ],
  }
}

function swapStep(name: string, swap: readonly string[]): Step {
  const what = 'swap is off'
  if (swap.length === 0) return ok(what, 'none')
  const devices = swap.map((line) => line.split(/\s+/)[0]).join(', ')
  const cause = 'swap is on, and the kubelet does not start with it'
  return fail(what, devices, cause, `kedge run disable-swap --on ${name}`)
}

function apiStep({ node, topology }: TaskContext, silent: Attempt<readonly { readonly how: string }[]>): Step {
  const target = `${cloudAddress(topology, controlPlane(topology))}:${apiPort}`
  const what = `TCP ${target} answers`
  if (!silent.ok) return skip(what, silent.message)
  const how = silent.value[0]?.how
  if (!how) return ok(what, 'connects')
  const cause = `the API server does not answer on ${target} from ${node.name}`
  return fail(what, how, cause, 'kedge run open-ports init-cluster')
}
