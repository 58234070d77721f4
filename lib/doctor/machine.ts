import type { LocatedPiece } from '../bundle/bundle.ts'
import { type ClockOffset, clockOffset } from '../host/clock-offset.ts'
import type { Host } from '../host/host.ts'
import { toFailure } from '../host/to-failure.ts'
import type { Node, Topology } from '../topology/topology.ts'
import { architecture } from './architecture.ts'
import { type Areas, ask, judge } from './area.ts'
import { cgroups } from './cgroups.ts'
import { clock } from './clock.ts'
import { type Finding, fail, ok } from './finding.ts'
import { identity } from './identity.ts'
import { modules } from './modules.ts'
import { neighbours } from './neighbours.ts'
import { ports } from './ports.ts'
import { room } from './room.ts'
import { swap } from './swap.ts'
import { system } from './system.ts'

/** What a look at an existing machine goes by. */
export type MachineView = {
  readonly node: Node
  readonly topology: Topology
  /** Against the clock of the machine that runs kedge. */
  readonly offset?: ClockOffset
  /** What the lab's bundle holds, where there is one. */
  readonly pieces?: readonly LocatedPiece[]
}

/** Whatever a machine is for. */
const always = { architecture, clock, identity } satisfies Areas<MachineView>
/** What Kubernetes and KubeEdge ask of it besides. An area is one line here, and its import. */
const forKubernetes = {
  system,
  cgroups,
  modules,
  swap,
  room,
  neighbours,
  ports,
} satisfies Areas<MachineView>

export const machineAreas: Areas<MachineView> = { ...always, ...forKubernetes }

export type MachineReport = { readonly findings: readonly Finding[]; readonly machineId?: string }

/** All that there is to say of an existing machine, in three round trips. Rejects for nothing but a bug of kedge's. */
export async function lookAtMachine(
  host: Host,
  view: MachineView,
  { isForKubernetes, now }: { readonly isForKubernetes: boolean; readonly now: () => number },
): Promise<MachineReport> {
  const areas: Areas<MachineView> = isForKubernetes ? machineAreas : always
  try {
    const login = await loginFinding(host, view.node)
    if (login.state === 'fail') return { findings: [login] }
    const [offset, answers] = await Promise.all([clockOffset(host, now), ask(host, areas, view)])
    const machineId = answers.get('identity')
    return {
      findings: [login, ...judge(answers, areas, { ...view, offset })],
      ...(machineId ? { machineId } : {}),
    }
  } catch (error) {
    return { findings: [unreachable(view.node, error)] }
  }
}

async function loginFinding({ $ }: Host, { machine }: Node): Promise<Finding> {
  const { stdout } = await $({ quiet: true })`id -u`
  const user = machine.kind === 'existing' ? machine.ssh.user : 'root'
  if (stdout.trim() === '0')
    return ok('reachable', user === 'root' ? 'over SSH, as root' : `over SSH as ${user}, who becomes root by sudo`)
  return fail('reachable', `commands run as user ${stdout.trim()}, not as root`, sudoCure(user))
}

const sudoCure = (user: string): string =>
  `let ${user} use sudo there without a password: echo '${user} ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/kedge`

function unreachable(node: Node, error: unknown): Finding {
  const { kind, message, cure, lastLines } = toFailure(error)
  if (kind === 'bug') throw error
  const { machine } = node
  const way = machine.kind === 'existing' ? `ssh -p ${machine.ssh.port} ${machine.ssh.user}@${machine.ssh.host}` : ''
  const said = kind === 'timeout' ? 'does not answer in time' : message
  const figure = [said, ...(kind === 'command' ? (lastLines?.slice(-1) ?? []) : [])].join(': ')
  const lost = kind === 'unreachable' || kind === 'timeout' ? 'unreachable' : kind === 'untrusted' ? kind : undefined
  return fail('reachable', figure, cure ?? `switch it on and connect it, then try ${way}`, lost)
}
