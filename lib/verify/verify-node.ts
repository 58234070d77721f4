import { distributionOf } from '../distribution/distribution.ts'
import { linesOf } from '../host/lines-of.ts'
import { edgecoreFile } from '../kubeedge/edge-config.ts'
import { certificatePort, hubPort, mqttPort, tunnelPort } from '../kubeedge/ports.ts'
import { silentPorts } from '../kubeedge/silent-ports.ts'
import { runtimeOf } from '../runtime/runtime.ts'
import type { TaskContext } from '../task/task.ts'
import { cloudcoreAddress } from '../topology/addresses.ts'
import type { Question, Verdict } from './finding.ts'

/** What the context's node tells of itself: cgroup drivers, swap and, on an edge, CloudCore as it is seen from its LAN. */
export function nodeQuestions(ctx: TaskContext): readonly Question[] {
  const { node, topology } = ctx
  const question = (claim: string, ask: () => Promise<Verdict>): Question => ({ node: node.name, claim, ask })
  const agent = node.role === 'edge' ? 'edgecore' : 'kubelet'
  const questions = [
    question(`${agent} and ${runtimeOf(ctx).service} use systemd cgroups`, () => cgroupDrivers(ctx, agent)),
    question('swap is off', () => swap(ctx)),
  ]
  if (node.role !== 'edge') return questions
  const address = cloudcoreAddress(topology, node)
  questions.push(
    ...[hubPort, certificatePort].map((port) =>
      question(`CloudCore answers on ${address}:${port} with a certificate for it`, () =>
        certified(ctx, address, port),
      ),
    ),
    question(`CloudCore answers on ${address}:${tunnelPort}`, () => connects(ctx, address, tunnelPort)),
  )
  if (topology.kubeedge.mqtt !== 'none') {
    questions.push(question(`MQTT answers on ${mqttPort}`, () => mqttAnswers(ctx, mqttPort)))
  }
  return questions
}

async function cgroupDrivers(ctx: TaskContext, agent: 'kubelet' | 'edgecore'): Promise<Verdict> {
  const runtime = runtimeOf(ctx)
  const [driver, configured] = await Promise.all([
    agent === 'edgecore' ? edgecoreDriver(ctx) : distributionOf(ctx).kubeletCgroupDriver(ctx),
    runtime.checkConfigured(ctx),
  ])
  const itself = `${agent} ${driver ?? 'not set'}`
  return {
    holds: driver === 'systemd' && configured.done,
    figure: `${itself}, ${runtime.service}${configured.done ? ' systemd' : `: ${configured.why}`}`,
  }
}

/** That one line only: beside it the file may still hold a token. */
async function edgecoreDriver({ $ }: TaskContext): Promise<string | undefined> {
  const line = await $`grep -E '^ *cgroupDriver:' ${edgecoreFile}`.nothrow()
  return /cgroupDriver:\s*"?(\w+)/.exec(line.stdout)?.[1]
}

async function swap({ $ }: TaskContext): Promise<Verdict> {
  const active = linesOf(await $`swapon --noheadings --show=NAME`)
  return { holds: active.length === 0, figure: active.join(', ') || 'none' }
}

async function certified({ $ }: TaskContext, address: string, port: number): Promise<Verdict> {
  const verified =
    await $`timeout 30 openssl s_client -connect ${`${address}:${port}`} -CAfile /etc/kubeedge/ca/rootCA.crt -verify_ip ${address} -verify_return_error </dev/null 2>&1 | grep -E 'Verification|verify error|errno|refused|timed out|failed to run|No such file'`.nothrow()
  const figure = linesOf(verified)[0] ?? 'no answer'
  return { holds: figure === 'Verification: OK', figure }
}

async function connects(ctx: TaskContext, address: string, port: number): Promise<Verdict> {
  const [silent] = await silentPorts(ctx, [address], [port])
  return { holds: !silent, figure: silent?.how ?? 'answers' }
}

/** A client's hello (MQTT 3.1.1, clean session), to which a broker must answer, if only to refuse. */
const hello = String.raw`\020\021\000\004MQTT\004\002\000\074\000\005kedge`

/** Whether a broker answers on this port of the node itself, where edgecore looks for it. */
export async function mqttAnswers({ $ }: Pick<TaskContext, '$'>, port: number): Promise<Verdict> {
  const script = `exec 3<>/dev/tcp/127.0.0.1/${port}; printf '${hello}' >&3; head -c 4 <&3 | od -An -tx1`
  const answer = await $`timeout 15 bash -c ${script}`.nothrow()
  const bytes = answer.stdout.trim()
  if (!bytes.startsWith('20 02')) return { holds: false, figure: bytes === '' ? 'no answer' : `no MQTT: ${bytes}` }
  const code = Number.parseInt(bytes.split(' ')[3] ?? 'ff', 16)
  return { holds: code === 0, figure: code === 0 ? 'accepts a client' : `refuses a client with code ${code}` }
}
