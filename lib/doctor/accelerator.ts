import type { Host } from '../host/host.ts'
import { toFailure } from '../host/to-failure.ts'
import { type Architecture, probeAccelerator } from '../machine/accelerator.ts'
import type { Topology } from '../topology/topology.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

/** Whether VMs run at the machine's own speed: a small program is booted under KVM, once for each boot of the hypervisor. */
export async function acceleratorFinding(
  host: Host,
  topology: Topology,
  stateFolder: string,
  signal: AbortSignal,
): Promise<Finding> {
  const what = 'KVM'
  const { uri, accelerator: wanted } = topology.hypervisor
  try {
    const architecture = (await host.$({ quiet: true })`uname -m`).stdout.trim() as Architecture
    const { accelerator, why } = await probeAccelerator(host, { uri, wanted, architecture, stateFolder, signal })
    if (accelerator === 'kvm') return ok(what, `works: ${why}`)
    if (wanted === 'tcg') return ok(what, 'not asked for: accelerator is tcg')
    return warn(
      what,
      `VMs are emulated, and some ten times slower: ${why}`,
      'switch virtualization on in the firmware (or nested virtualization in this machine’s own host), and load the kvm module',
    )
  } catch (error) {
    const { kind, message, cure } = toFailure(error)
    if (kind === 'bug' || kind === 'unreachable' || kind === 'untrusted') throw error
    if (kind === 'timeout')
      return warn(what, 'not known: libvirt has not said in time what it offers', 'kedge doctor again')
    return fail(what, message, cure ?? 'virsh domcapabilities --virttype kvm on the hypervisor says what is wrong')
  }
}
