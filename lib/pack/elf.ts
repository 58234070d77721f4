import { elfMachines } from '../bundle/architecture-in.ts'
import type { Architecture } from '../topology/topology.ts'

/** What a Linux executable says of itself in its header. */
export type Elf = {
  readonly architecture: Architecture
  /** Where its last part ends: the table of sections, which linkers and Bun put there. */
  readonly endBytes: number
}

export const elfHeaderBytes = 64

/** Reads the header of a 64-bit little-endian program; undefined for any other file. */
export function elfOf(header: Uint8Array): Elf | undefined {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  // 0x7f E L F, 64 bits, little-endian.
  if (header.length < elfHeaderBytes || view.getUint32(0) !== 0x7f454c46 || view.getUint16(4) !== 0x0201)
    return undefined
  const architecture = elfMachines[view.getUint16(18, true)]
  if (!architecture) return undefined
  const endBytes = Number(view.getBigUint64(40, true)) + view.getUint16(58, true) * view.getUint16(60, true)
  return { architecture, endBytes }
}
