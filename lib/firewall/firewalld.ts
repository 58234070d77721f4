import { portName } from '../kubeedge/ports.ts'
import type { Firewall } from './firewall.ts'

/** Fedora's, RHEL's and SUSE's. Now and after a reboot are two settings there. */
export const firewalld: Firewall = {
  name: 'firewalld',

  async isActive({ $ }) {
    return (await $`firewall-cmd --state`.nothrow()).exitCode === 0
  },

  async closed({ $ }, ports) {
    const listed = async (when: readonly string[]) =>
      new Set((await $`firewall-cmd ${when} --list-ports`).stdout.trim().split(/\s+/))
    const [now, later] = [await listed([]), await listed(['--permanent'])]
    return ports.filter((port) => !now.has(portName(port)) || !later.has(portName(port)))
  },

  async open({ $ }, ports) {
    if (ports.length === 0) return
    const flags = ports.map((port) => `--add-port=${portName(port)}`)
    await $`firewall-cmd ${flags}`
    await $`firewall-cmd --permanent ${flags}`
  },
}
