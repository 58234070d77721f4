import { portName } from '../kubeedge/ports.ts'
import type { Firewall } from './firewall.ts'

/** Ubuntu's and Debian's front end. Its rules hold at once and after a reboot. */
export const ufw: Firewall = {
  name: 'ufw',

  async isActive({ $ }) {
    return /^Status: active/m.test((await $`ufw status`.nothrow()).stdout)
  },

  async closed({ $ }, ports) {
    // `ufw status` puts "10000/tcp   ALLOW   Anywhere" for each rule, with a "(v6)" twin that does not matter here.
    const lines = (await $`ufw status`).lines()
    const open = new Set(lines.flatMap((line) => /^(\S+)\s+ALLOW\s+Anywhere\s*(#.*)?$/.exec(line)?.[1] ?? []))
    return ports.filter((port) => !open.has(portName(port)))
  },

  async open({ $ }, ports) {
    for (const port of ports) await $`ufw allow ${portName(port)} comment ${`kedge: ${port.purpose}`}`
  },
}
