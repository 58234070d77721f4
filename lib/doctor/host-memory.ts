import { quote } from '../host/quote.ts'
import { libvirtUri } from '../machine/libvirt.ts'
import { libvirtName } from '../machine/names.ts'
import { formatBytes } from '../report/size.ts'
import type { Area } from './area.ts'
import { fail, ok, warn } from './finding.ts'
import { type HypervisorView, vmsInWords, vmsOf } from './hypervisor-view.ts'

/** A VM gets its memory page by page as it touches them; a node of a small lab has touched half of it before long. */
const soonTouched = 0.5

/** Those of the lab's VMs that run have their memory already. */
export const hostMemory: Area<HypervisorView> = {
  script: ({
    topology,
  }) => `sed -n 's/^\\(MemTotal\\|MemAvailable\\|SwapFree\\): *\\([0-9]*\\) kB/\\1 \\2/p' /proc/meminfo
timeout 20 virsh -q -c ${quote(libvirtUri(topology.hypervisor.uri))} list --name | sed 's/^/running /'`,

  judge(said, view) {
    const { topology } = view
    const what = 'memory'
    const bytes = (key: string) => Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(said)?.[1] ?? Number.NaN) * 1024
    const running = new Set([...said.matchAll(/^running (.+)$/gm)].map(([, name]) => name))
    const stopped = vmsOf(view).filter(({ name }) => !running.has(libvirtName(topology.lab, name)))
    const needed = stopped.reduce((sum, { machine }) => sum + machine.memoryMiB * 2 ** 20, 0)
    const available = bytes('MemAvailable')
    if (!available) return warn(what, 'not known', 'see free -m on the hypervisor')
    const has = `${formatBytes(available)} available of ${formatBytes(bytes('MemTotal'))}`
    if (stopped.length === 0) return ok(what, `all VMs run; ${has}`)
    const figure = `${formatBytes(needed)} for ${vmsInWords(stopped)} still to be started; ${has}`
    const cure = `end other programs or VMs on the hypervisor, or give the nodes less (memory: in ${topology.file})`
    if (needed * soonTouched > available + (bytes('SwapFree') || 0)) return fail(what, figure, cure)
    return needed > available ? warn(what, figure, cure) : ok(what, figure)
  },
}
