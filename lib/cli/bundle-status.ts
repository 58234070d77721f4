import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import type { ListedMachine } from '../machine/libvirt-inventory.ts'
import type { BundleStatus } from '../report/status-text.ts'
import type { Lab } from './lab.ts'

/** The lab's bundle and the VMs that have it; undefined for a lab that needs none. `machines`: undefined where libvirt did not answer. */
export function bundleStatus(
  { bundle, topology }: Lab,
  cwd: string,
  machines: readonly ListedMachine[] | undefined,
): BundleStatus | undefined {
  if (bundle === undefined) return undefined
  const path = typeof bundle === 'string' ? bundle : bundle.path
  const place = relative(cwd, path)
  const vms = topology.nodes.filter(({ machine }) => machine.kind === 'vm').map(({ name }) => name)
  const has = new Set(machines?.filter(({ hasBundle }) => hasBundle).map(({ node }) => node))
  return {
    place: typeof bundle === 'string' ? (place.startsWith('..') ? path : `./${place}`) : `in this program, ${path}`,
    isThere: existsSync(path),
    ...(machines
      ? {
          attached: machines.filter(({ hasBundle }) => hasBundle).map(({ node }) => node),
          detached: vms.filter((name) => !has.has(name)),
        }
      : {}),
  }
}
