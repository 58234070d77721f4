import { type Port, portName } from '../kubeedge/ports.ts'
import type { Firewall } from './firewall.ts'

const profileFile = '/etc/ufw/applications.d/kedge'

/** Ubuntu's and Debian's front end. One application profile holds all ports, and one rule lets it in, now and after a reboot. */
export const ufw: Firewall = {
  name: 'ufw',

  async isActive({ $ }) {
    return (await $`grep -qx 'ENABLED=yes' /etc/ufw/ufw.conf 2> /dev/null`.nothrow()).exitCode === 0
  },

  async closed({ $ }, ports) {
    // "10000,10002/tcp (kedge)   ALLOW IN   Anywhere" for a profile, "22/tcp   ALLOW IN   Anywhere" for a port.
    const lines = (await $`ufw status verbose`).stdout.matchAll(
      /^([\d,]+)\/(tcp|udp)(?: \([^)]*\))?\s+ALLOW IN\s+Anywhere\s*(?:#.*)?$/gm,
    )
    const open = new Set(
      [...lines].flatMap(([, numbers = '', protocol]) => numbers.split(',').map((port) => `${port}/${protocol}`)),
    )
    return ports.filter((port) => !open.has(portName(port)))
  },

  async open(ctx, ports) {
    await ctx.host.write(profileFile, profile(ports))
    // A rule that is there keeps the ports that it was made with until it is told that they have changed.
    await ctx.$`ufw app update kedge && ufw allow kedge`
  },
}

function profile(ports: readonly Port[]): string {
  const of = (wanted: Port['protocol']) => {
    const numbers = ports.filter(({ protocol }) => protocol === wanted).map(({ port }) => port)
    return numbers.length > 0 ? [`${numbers.join(',')}/${wanted}`] : []
  }
  return `[kedge]
title=kedge
description=${ports.map(({ port, purpose }) => `${port} ${purpose}`).join(', ')}
ports=${[...of('tcp'), ...of('udp')].join('|')}
`
}
