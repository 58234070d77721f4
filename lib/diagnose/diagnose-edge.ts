import { type Cluster, clusterOf, type NodeObject } from '../distribution/cluster.ts'
import { clockOffset } from '../host/clock-offset.ts'
import { unitLog } from '../task/reason.ts'
import type { TaskContext } from '../task/task.ts'
import { cloudcoreAddress, controlPlane } from '../topology/addresses.ts'
import { stepsOfCloudCore } from './diagnose-cloudcore.ts'
import { clockStep, loginStep, nodeReadyStep, serviceStep } from './diagnose-node.ts'
import { stepsOfRuntime } from './diagnose-runtime.ts'
import { attempt, type Diagnosis, fail, ok, type Step, skip } from './diagnosis.ts'
import { type EdgeFacts, edgeFacts } from './edge-facts.ts'
import { type TlsTool, tlsTools } from './https-from-node.ts'

/** What the steps go by. */
export type EdgeView = {
  readonly ctx: TaskContext
  readonly cloudcore: string
  readonly facts: EdgeFacts
  readonly tools: readonly TlsTool[]
  /** Milliseconds of the edge's own clock. */
  readonly edgeTime: number
  /** The cluster's Node object of this name, where there is one and the control plane can be asked. */
  readonly object: NodeObject | undefined
  readonly cluster: Cluster
  readonly hasCluster: boolean
}

/** Why this edge does not join, or does not stay: step by step, from its own LAN. Changes nothing anywhere. */
export async function diagnoseEdge(ctx: TaskContext, now: () => number): Promise<Diagnosis> {
  const { node, topology, host } = ctx
  const cloudcore = cloudcoreAddress(topology, node)
  const cluster = clusterOf(ctx)
  const [edge, object] = await Promise.all([
    attempt(async () => ({ facts: await edgeFacts(ctx, cloudcore), tools: await tlsTools(host) })),
    attempt(() => cluster.get<NodeObject>('node', node.name)),
  ])
  const master = controlPlane(topology).name
  const clusterStep = object.ok
    ? ok(`${master} answers for the cluster`, 'kubectl')
    : fail(
        `${master} answers for the cluster`,
        object.message,
        `the cluster cannot be asked: ${object.message}`,
        `kedge why ${master}`,
      )
  const login = loginStep(ctx, edge)
  const ready = (cause?: { readonly cause?: string; readonly cure?: string }) => nodeReadyStep(ctx, object, cause)
  const isUnreachable = !edge.ok || (!object.ok && object.isUnreachable)
  if (!edge.ok) return { node: node.name, role: node.role, steps: [login, clusterStep, ready()], isUnreachable }

  const [own, theirs, service] = await Promise.all([
    attempt(() => clockOffset(host, now)),
    attempt(() => clockOffset(cluster.host, now)),
    attempt(() => unitLog(host, 'edgecore')),
  ])
  const view: EdgeView = {
    ctx,
    cloudcore,
    ...edge.value,
    edgeTime: now() + (own.ok ? own.value.seconds * 1000 : 0),
    object: object.ok ? object.value : undefined,
    cluster,
    hasCluster: object.ok,
  }
  const [network, runtime] = await Promise.all([stepsOfCloudCore(view), stepsOfRuntime(view)])
  const edgecore = edgecoreStep(view, service)
  return {
    node: node.name,
    role: node.role,
    steps: [
      login,
      clusterStep,
      clockStep(ctx, own, theirs),
      ...network,
      ...runtime,
      strangersStep(view),
      leftoversStep(view, service.ok ? service.value.state : ''),
      edgecore.step,
      ready(edgecore.reason),
    ],
    isUnreachable,
  }
}

function strangersStep({ ctx, facts }: EdgeView): Step {
  const what = 'no kubelet beside edgecore'
  const name = ctx.node.name
  if (!facts.strangers.includes('kubelet')) return ok(what, facts.strangers.join(', ') || 'none')
  return fail(
    what,
    'kubelet runs',
    `a kubelet runs on ${name}, and edgecore does not start beside one`,
    `kedge ssh ${name} -- sudo systemctl disable --now kubelet`,
  )
}

/** What an earlier attempt left is no fault while edgecore still tries with it. */
function leftoversStep({ ctx, facts }: EdgeView, service: string): Step {
  const what = '/etc/kubeedge is empty, or of this join'
  const found = facts.leftovers.join(', ') || 'empty'
  if (facts.leftovers.length === 0) return ok(what, found)
  if (facts.hasCertificates) return ok(what, `${found}: joined`)
  if (/^activ/.test(service)) return ok(what, `${found}: a join is under way`)
  return fail(
    what,
    found,
    'an earlier join was cut off, and keadm refuses what it left in /etc/kubeedge',
    `kedge run join-edge --on ${ctx.node.name}`,
  )
}

function edgecoreStep(view: EdgeView, service: Parameters<typeof serviceStep>[2]) {
  const { ctx, facts } = view
  const neverJoined = facts.leftovers.length === 0 && view.object === undefined
  if (service.ok && neverJoined && /^(not-found|inactive|)$/.test(service.value.state)) {
    return { step: skip('edgecore runs', 'it has not joined yet'), reason: undefined }
  }
  const cure = `kedge run join-edge --on ${ctx.node.name}`
  const found = serviceStep(ctx, 'edgecore', service, cure)
  if (found.step.state !== 'ok' || facts.hasCertificates) return found
  const cause = found.reason?.cause ?? 'edgecore runs, and has got no certificates from CloudCore yet'
  const step = fail('edgecore runs', 'without certificates', cause, found.reason?.cure ?? cure, found.reason?.lines)
  return { step, reason: found.reason }
}
