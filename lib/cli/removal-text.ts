import type { Inventory } from '../machine/libvirt-inventory.ts'
import type { Topology } from '../topology/topology.ts'

/** What the removal of a whole lab comes to, before anything is done: what goes, and what stays. */
export function removalText(topology: Topology, inventory: Inventory, stateFolder: string, purge: boolean): string {
  const { machines, networks, folder, files } = inventory
  const lost = (isInFile: boolean) => (isInFile ? '' : ', no longer in the file')
  const goes = [
    ...machines.map(({ domain, state, isInFile }) => `VM ${domain} (${state}${lost(isInFile)})`),
    ...networks.map(({ name, bridge }) => `network ${name} (${bridge})`),
    ...(files.length > 0 ? [`${folder}: ${[...files].sort().join(', ')}`] : []),
    ...(purge ? [`${stateFolder}: journal, logs and keys`] : []),
  ]
  const heading = goes.length > 0 ? `This removes lab ${topology.lab}:` : `Nothing of lab ${topology.lab} is there.`
  return `${[heading, ...goes.map((line) => `  ${line}`), ...staysText(topology, inventory)].join('\n')}\n`
}

/** What might be taken for the lab's and is not kedge's. */
export function staysText(topology: Topology, { foreign, folder, strangeFiles }: Inventory): readonly string[] {
  const existing = topology.nodes.flatMap(({ name, machine }) =>
    machine.kind === 'existing' ? [`${name}: a machine of yours, ${machine.ssh.user}@${machine.ssh.host}`] : [],
  )
  const lines = [
    ...existing,
    ...foreign.map((what) => `${what}: kedge did not make it`),
    ...strangeFiles.map((name) => `${folder}/${name}: kedge did not make it`),
  ]
  return lines.length > 0 ? ['Not touched:', ...lines.map((line) => `  ${line}`)] : []
}
