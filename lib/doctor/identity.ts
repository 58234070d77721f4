import type { Area } from './area.ts'
import { type Finding, fail, ok } from './finding.ts'
import type { MachineView } from './machine.ts'

export const renewMachineId = 'rm /etc/machine-id; systemd-machine-id-setup'

/** The answer is the machine-id itself, which is compared with those of the other machines as well. */
export const identity: Area<MachineView> = {
  script: () => 'cat /etc/machine-id',
  judge: (said, { node }) =>
    /^[0-9a-f]{32}$/.test(said)
      ? ok('machine-id', said)
      : fail('machine-id', said === '' ? 'none in /etc/machine-id' : `not one: ${said}`, cureOn([node.name])),
}

const cureOn = (nodes: readonly string[]): string =>
  `as root on ${nodes.join(' and ')}: ${renewMachineId}; then reboot ${nodes.length > 1 ? 'them' : 'it'}`

/**
 * Machines that were cloned from one SD card or disk have one machine-id: the same DHCP address, flannel's same MAC address
 * and one machine for KubeEdge. The first of each set may keep its own.
 */
export function compareMachineIds(ids: ReadonlyMap<string, string>): Finding {
  const what = 'machine-ids'
  const nodesOf = new Map<string, string[]>()
  for (const [node, id] of ids) nodesOf.set(id, [...(nodesOf.get(id) ?? []), node])
  const same = [...nodesOf].filter(([, nodes]) => nodes.length > 1)
  if (same.length === 0) return ok(what, `each of ${ids.size} machines has its own`)
  return fail(
    what,
    same.map(([id, nodes]) => `${nodes.join(' and ')} have the same one (${id})`).join('; '),
    same.map(([, nodes]) => cureOn(nodes.slice(1))).join('; '),
  )
}
