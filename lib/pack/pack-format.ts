import { createHash } from 'node:crypto'
import type { Architecture } from '../topology/topology.ts'

/*
 * A pack is one file:
 *
 *   executable | opening | zeros up to 4096 | bundle | files | claims | signature | closing
 *
 * The executable runs as if it were alone. The opening says how long the whole is, so that a pack that was cut off is not
 * taken for a plain kedge; the closing, at the very end, says where the claims are, and the claims what everything else is.
 */

/** What a pack says of itself: the part that is signed. Offsets count from the start of the file. */
export type Claims = {
  readonly format: 1
  readonly kedge: string
  readonly lab: string
  /** Of the executable. */
  readonly architecture: Architecture
  readonly executableBytes: number
  /** A bundle in the form of one file; a lab without a bundle has none. */
  readonly bundle?: { readonly offset: number; readonly sizeBytes: number }
  readonly files: { readonly offset: number; readonly sizeBytes: number }
  /** Of all that comes before the claims, lower-case hex. */
  readonly sha256: string
}

/** Who vouches for the claims. */
export type Signature = {
  /** `ssh-ed25519 AAAA…` */ readonly publicKey: string /** Base64 */
  readonly signature: string
}

/** Where the bundle begins: at a full page, as a disk of VMs. */
export const alignBytes = 4096

export const openingMagic = 'KEDGE-PACK-BEGIN'
const closingMagic = 'KEDGE-PACK-ENDS.'
export const openingBytes = 24
export const closingBytes = 64

export function openingOf(totalBytes: number): Uint8Array {
  const bytes = Buffer.alloc(openingBytes)
  bytes.write(openingMagic, 'latin1')
  bytes.writeBigUInt64LE(BigInt(totalBytes), 16)
  return bytes
}

/** How long the pack is that begins so; undefined where it is no opening. */
export function totalOf(opening: Uint8Array): number | undefined {
  const bytes = Buffer.from(opening)
  if (bytes.length < openingBytes || bytes.toString('latin1', 0, 16) !== openingMagic) return undefined
  return Number(bytes.readBigUInt64LE(16))
}

export type Closing = { readonly claimsBytes: number; readonly signatureBytes: number; readonly sha256: Buffer }

/** `claims` and `signature` as they stand in the file. */
export function closingOf(claims: Uint8Array, signature: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(closingBytes)
  bytes.writeUInt32LE(claims.length, 0)
  bytes.writeUInt32LE(signature.length, 4)
  bytes.set(sumOf(claims, signature), 8)
  bytes.write(closingMagic, closingBytes - 16, 'latin1')
  return bytes
}

export function parseClosing(closing: Uint8Array): Closing | undefined {
  const bytes = Buffer.from(closing)
  if (bytes.length < closingBytes || bytes.toString('latin1', closingBytes - 16) !== closingMagic) return undefined
  return { claimsBytes: bytes.readUInt32LE(0), signatureBytes: bytes.readUInt32LE(4), sha256: bytes.subarray(8, 40) }
}

export const sumOf = (claims: Uint8Array, signature: Uint8Array): Buffer =>
  createHash('sha256').update(claims).update(signature).digest()
