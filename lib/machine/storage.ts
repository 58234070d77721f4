import type { Topology } from '../topology/topology.ts'

/** Where a node's VM keeps what, on the hypervisor: absolute paths, all in the lab's own folder below the storage folder. */
export type MachineFiles = {
  readonly folder: string
  /** The overlay on the base image. */
  readonly disk: string
  /** The NoCloud disk; holds a private key. */
  readonly seed: string
  /** What the guest wrote to its serial port since it was started. */
  readonly console: string
}

export const labFolder = (topology: Topology): string => `${topology.hypervisor.storage}/${topology.lab}`

export function machineFiles(topology: Topology, node: string): MachineFiles {
  const folder = labFolder(topology)
  return {
    folder,
    disk: `${folder}/${node}.qcow2`,
    seed: `${folder}/${node}.seed.iso`,
    console: `${folder}/${node}.console.log`,
  }
}

/** Base images lie beside the labs' folders, one for each content, shared by all labs that use this storage folder. */
export const baseImagePath = (topology: Topology, sha256: string): string =>
  `${topology.hypervisor.storage}/base-${sha256.slice(0, 16)}.qcow2`

/** The bundle for VMs: an image of its folder, another name of its file, or a copy of that; with what a killed run left of one. */
export const isBundleImage = (name: string): boolean => /^bundle-[0-9a-f]{16}\.img(\.new|\.pieces)?$/.test(name)

/**
 * Whether kedge made what lies under this name in a lab's folder: what VMs of these nodes have (`<node>.…`, overlays of
 * snapshots among it), the bundle's disk, and what a killed run had not finished. Anything else there is somebody else's.
 */
export function isMadeByKedge(name: string, nodes: ReadonlySet<string>): boolean {
  if (isBundleImage(name) || /^(incoming|\.kedge-[0-9a-f]{6}(?:[0-9a-f]{6}|-\d+))$/.test(name)) return true
  const dot = name.indexOf('.')
  return dot > 0 && nodes.has(name.slice(0, dot))
}
