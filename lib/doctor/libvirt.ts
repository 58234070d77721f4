import { quote } from '../host/quote.ts'
import { toFailure } from '../host/to-failure.ts'
import { explained, libvirtUri } from '../machine/libvirt.ts'
import type { Area } from './area.ts'
import { fail, ok, warn } from './finding.ts'
import type { HypervisorView } from './hypervisor-view.ts'

/** The first with all that kedge writes into a definition: `<cpu mode='maximum'>`, and slices of files as disks. */
const oldest = [7, 1] as const

export const libvirt: Area<HypervisorView> = {
  // A libvirtd that hangs must not take the other answers with it.
  script: ({ topology }) =>
    `timeout 20 virsh -c ${quote(libvirtUri(topology.hypervisor.uri))} version 2>&1; echo "ended $?"; id -un`,

  judge(said, { topology }) {
    const what = 'libvirt'
    const { uri } = topology.hypervisor
    const version = /^Using library: libvirt (\d+)\.(\d+)\S*/m.exec(said)
    const hypervisor = /^Running hypervisor: (\S+ \S+)/m.exec(said)?.[1]
    if (!/^ended 0$/m.test(said) || !version || !hypervisor) {
      const complaint = said.replace(/^ended .*[\s\S]*/m, '').trim()
      if (/^ended 124$/m.test(said))
        return fail(what, `does not answer at ${uri} within 20 s`, 'systemctl restart libvirtd on the hypervisor')
      if (/permission denied|authentication|polkit/i.test(complaint)) {
        const user = said.trim().split('\n').at(-1)
        return fail(
          what,
          `${uri} lets nobody in as ${user}`,
          `sudo usermod -aG libvirt ${user}, then log in again; or run kedge as root`,
        )
      }
      const { message, cure, kind } = toFailure(explained({ stderr: missing(complaint) }))
      const last = complaint.split('\n').at(-1) ?? ''
      return kind === 'bug'
        ? fail(
            what,
            last || `does not answer at ${uri}`,
            `virsh -c ${uri} version on the hypervisor says what is wrong`,
          )
        : fail(what, message, cure ?? '')
    }
    const [major, minor] = [Number(version[1]), Number(version[2])]
    const figure = `${version[0].replace('Using library: libvirt ', '')}, ${hypervisor}, at ${uri}`
    if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return ok(what, figure)
    return warn(what, figure, `kedge is made for libvirt ${oldest.join('.')} and later: upgrade it`)
  },
}

/** `timeout` says in words of its own that there is no such program. */
const missing = (complaint: string): string =>
  /timeout: failed to run command .*virsh/.test(complaint) ? 'virsh: command not found' : complaint
