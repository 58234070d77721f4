import { type NodeObject, whyNotReady } from '../distribution/cluster.ts'
import { knownFailure } from '../event/known-failure.ts'
import { type ClockOffset, offsetInWords } from '../host/clock-offset.ts'
import { type Reason, reasonIn, type UnitLog } from '../task/reason.ts'
import type { TaskContext } from '../task/task.ts'
import { controlPlane } from '../topology/addresses.ts'
import { type Attempt, fail, ok, type Step, skip } from './diagnosis.ts'

/** Certificates and tokens begin and end by the clock; what SSH takes on a busy machine is no skew. */
const skewSeconds = 30
/** kedge judges tokens by this machine's clock, which may be off by less than a token's last minutes. */
const ownSkewSeconds = 300

/** Whether kedge gets onto the node at all, and with what it can ask from there. */
export function loginStep(ctx: TaskContext, facts: Attempt<{ readonly tools?: readonly string[] }>): Step {
  const { node } = ctx
  const what = `SSH reaches ${node.name}`
  if (facts.ok) return ok(what, facts.value.tools ? `has ${facts.value.tools.join(', ') || 'no TLS tool'}` : 'yes')
  const { machine } = node
  const cure =
    machine.kind === 'existing'
      ? `ssh -p ${machine.ssh.port} ${machine.ssh.user}@${machine.ssh.host}`
      : `kedge run create-vms --on ${node.name}`
  return fail(what, facts.message, `${node.name} cannot be asked: ${facts.message}`, cure)
}

/** The node's clock against the control plane's, by which CloudCore judges, and this machine's, by which kedge does. */
export function clockStep(
  { node, topology }: TaskContext,
  own: Attempt<ClockOffset>,
  master?: Attempt<ClockOffset>,
): Step {
  const what = 'clocks agree'
  if (!own.ok) return skip(what, own.message)
  const setClock = `kedge ssh ${node.name} -- sudo date -s @$(date +%s)`
  const name = controlPlane(topology).name
  const figures = [`${offsetInWords(own.value)} to this machine`]
  const between = master?.ok
    ? {
        seconds: own.value.seconds - master.value.seconds,
        error: Math.max(own.value.error, master.value.error),
      }
    : undefined
  if (between) figures.push(`${offsetInWords(between)} to ${name}`)
  else if (master) figures.push(`${name} not asked`)
  const figure = figures.join(', ')
  const isOff = ({ seconds, error }: ClockOffset, limit: number) => Math.abs(seconds) - error > limit
  if (between && isOff(between, skewSeconds)) {
    const side = between.seconds < 0 ? 'behind' : 'ahead of'
    return fail(
      what,
      figure,
      `the clock of ${node.name} is ${side} that of ${name}: ${offsetInWords(between)}`,
      setClock,
    )
  }
  if (isOff(own.value, ownSkewSeconds)) {
    const side = own.value.seconds < 0 ? 'behind' : 'ahead of'
    return fail(
      what,
      figure,
      `the clock of ${node.name} is ${side} this machine's: ${offsetInWords(own.value)}`,
      setClock,
    )
  }
  return ok(what, figure)
}

/** A systemd unit, with its journal's last errors where it does not run; `reason` is what the journal says in any case. */
export function serviceStep(
  { node }: TaskContext,
  unit: string,
  service: Attempt<UnitLog>,
  cure: string,
): { readonly step: Step; readonly reason: Reason | undefined } {
  const what = `${unit} runs`
  if (!service.ok) return { step: skip(what, service.message), reason: undefined }
  const { state, restarts, log } = service.value
  const reason = reasonIn(log, node.name)
  const figure = `${state || 'not known'}${restarts > 0 ? `, restarted ${restarts} times` : ''}`
  if (state === 'active') return { step: ok(what, figure), reason }
  const last = reason?.lines.at(-1)
  const cause = reason?.cause ?? (last ? `${unit} says: ${last}` : `${unit} is ${state || 'not there'}`)
  return { step: fail(what, figure, cause, reason?.cure ?? cure, reason?.lines), reason }
}

/** The cluster's own word. Where it does not say more than that nobody reports, the node's journal may. */
export function nodeReadyStep(
  { node }: TaskContext,
  object: Attempt<NodeObject | undefined>,
  reason?: { readonly cause?: string; readonly cure?: string },
): Step {
  const what = `node ${node.name} is Ready`
  if (!object.ok) return skip(what, 'the cluster cannot be asked')
  const why = whyNotReady(object.value, node.name)
  if (!why) return ok(what, object.value?.status?.nodeInfo?.kubeletVersion ?? 'no version')
  const join = { edge: 'join-edge', worker: 'join-worker' }[node.role as string] ?? 'init-cluster'
  const cure = `kedge run ${join} --on ${node.name}`
  if (!object.value) return fail(what, 'not in the cluster', `${node.name} has not joined the cluster`, cure)
  const known = knownFailure([why], node.name)
  return fail(
    what,
    why.replace(/^.* is not Ready: /, ''),
    known?.cause ?? reason?.cause ?? why,
    known?.cure ?? reason?.cure ?? cure,
  )
}
