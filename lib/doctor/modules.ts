import { type Area, keyed } from './area.ts'
import { fail, ok } from './finding.ts'
import type { MachineView } from './machine.ts'

/** Asked as `modprobe` would do it, without loading; built in, or there already, will do. */
export const modules: Area<MachineView> = {
  script: () => `echo "kernel $(uname -r)"
if [ -d "/lib/modules/$(uname -r)" ]; then echo 'folder yes'; fi
if modprobe -n -q overlay || grep -qw overlay /proc/filesystems; then echo 'overlay yes'; fi
if modprobe -n -q br_netfilter || [ -e /proc/sys/net/bridge ]; then echo 'br_netfilter yes'; fi`,

  judge(said, { node }) {
    const what = 'kernel modules'
    const facts = keyed(said)
    // An edge has no Service addresses, so nothing there filters what crosses a bridge.
    const needed = node.role === 'edge' ? ['overlay'] : ['overlay', 'br_netfilter']
    const missing = needed.filter((name) => !facts.has(name))
    const kernel = facts.get('kernel') ?? ''
    if (missing.length === 0) return ok(what, `${needed.join(', ')} (${kernel})`)
    const cure = facts.has('folder')
      ? `install all modules of its kernel on ${node.name} (Ubuntu on a Raspberry Pi: linux-modules-extra-raspi)`
      : `there is no /lib/modules/${kernel}: its kernel was updated, so reboot ${node.name}`
    return fail(what, `no ${missing.join(', ')} (${kernel})`, cure)
  },
}
