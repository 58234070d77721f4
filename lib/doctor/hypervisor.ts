import { clockOffset } from '../host/clock-offset.ts'
import type { Host } from '../host/host.ts'
import { toFailure } from '../host/to-failure.ts'
import { hypervisorTarget } from '../machine/connections.ts'
import { acceleratorFinding } from './accelerator.ts'
import { type Areas, ask, judge } from './area.ts'
import { clockFinding } from './clock.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import { hostMemory } from './host-memory.ts'
import type { HypervisorView } from './hypervisor-view.ts'
import { libvirt } from './libvirt.ts'
import { ranges } from './ranges.ts'
import { storage } from './storage.ts'
import { tools } from './tools.ts'
import { vmArchitecture } from './vm-architecture.ts'

/** What decides whether VMs can be made at all, and is cheap to ask before a run makes some. */
export const beforeVms = { tools, vmArchitecture, hostMemory, ranges } satisfies Areas<HypervisorView>

/** An area is one line here, and its import. */
export const hypervisorAreas: Areas<HypervisorView> = {
  libvirt,
  ...beforeVms,
  storage,
  clock: {
    script: () => 'timedatectl show --property=NTPSynchronized --value',
    judge: (said, { offset, topology: { hypervisor } }) => {
      const { user, host } = hypervisorTarget(hypervisor.uri) ?? {}
      return clockFinding(said, `ssh ${user}@${host} sudo date -s @$(date +%s)`, 'the hypervisor', offset)
    },
  },
}

export type HypervisorQuestion = {
  readonly now: () => number
  /** The lab's own, where the answer about KVM is kept. */
  readonly stateFolder: string
  readonly signal: AbortSignal
}

/** All that there is to say of the machine that the lab's VMs run on. */
export async function lookAtHypervisor(
  host: Host,
  view: HypervisorView,
  { now, stateFolder, signal }: HypervisorQuestion,
): Promise<readonly Finding[]> {
  const { uri } = view.topology.hypervisor
  const isRemote = hypervisorTarget(uri) !== undefined
  try {
    if (isRemote) await host.$({ quiet: true })`true`
    const [offset, answers] = await Promise.all([
      isRemote ? clockOffset(host, now) : undefined,
      ask(host, hypervisorAreas, view),
    ])
    const findings = judge(answers, hypervisorAreas, { ...view, ...(offset ? { offset } : {}) })
    // What libvirt offers is remembered, so it is asked only when it answers.
    const hasLibvirt = !findings.some(({ what, state }) => what === 'libvirt' && state === 'fail')
    const accelerator = hasLibvirt
      ? await acceleratorFinding(host, view.topology, stateFolder, signal)
      : warn('KVM', 'not looked at, without libvirt', 'see libvirt above, then kedge doctor again')
    return [...(isRemote ? [ok('reachable', uri)] : []), ...findings, accelerator]
  } catch (error) {
    const { kind, message, cure } = toFailure(error)
    if (kind === 'bug') throw error
    const lost = kind === 'unreachable' || kind === 'timeout' ? 'unreachable' : kind === 'untrusted' ? kind : undefined
    const figure = kind === 'timeout' ? 'does not answer in time' : message
    return [fail('reachable', figure, cure ?? `see that a shell on it works (${uri})`, lost)]
  }
}
