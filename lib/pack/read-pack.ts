import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { readBytes } from '../bundle/read-image.ts'
import { TaskError } from '../event/failure.ts'
import type { FileRange } from '../task/task.ts'
import { elfHeaderBytes, elfOf } from './elf.ts'
import { type Claims, closingBytes, openingBytes, parseClosing, type Signature, sumOf, totalOf } from './pack-format.ts'

/** A pack whose claims are whole; what they speak of has not been read yet. */
export type Pack = {
  readonly path: string
  readonly claims: Claims
  /** As it stands in the file, which is what was signed. */
  readonly claimsText: string
  readonly signature?: Signature
  /** A bundle in the form of one file, within the pack. */
  readonly bundle?: FileRange
  readonly files: FileRange
}

export const damagedPack = (path: string, what: string): TaskError =>
  new TaskError({
    kind: 'bundle',
    message: `the pack ${path} ${what}`,
    cure: 'copy it again from where it is whole, or make it again with kedge pack',
  })

const mostClaimsBytes = 1024 * 1024

/**
 * The pack that a file is, by a few reads at its ends: undefined for a plain executable and for any other file. Throws a
 * TaskError of kind `bundle` for a pack that was cut off, that has grown, or whose claims were changed.
 */
export function readPack(path: string): Pack | undefined {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = fstatSync(descriptor)
    if (!found.isFile()) return undefined
    const elf = elfOf(readBytes(descriptor, 0, elfHeaderBytes))
    if (!elf || found.size <= elf.endBytes) return undefined
    const totalBytes = totalOf(readBytes(descriptor, elf.endBytes, openingBytes))
    const closing = parseClosing(readBytes(descriptor, found.size - closingBytes, closingBytes))
    if (totalBytes === undefined && !closing) return undefined
    if (totalBytes === undefined) throw damagedPack(path, 'was altered')
    if (found.size < totalBytes)
      throw damagedPack(path, `is cut off: of its ${totalBytes} bytes ${found.size} are there`)
    if (found.size > totalBytes)
      throw damagedPack(path, `has ${found.size - totalBytes} bytes behind its end that are not its own`)
    if (!closing) throw damagedPack(path, 'was altered')
    return claimed(path, descriptor, found.size, closing)
  } finally {
    closeSync(descriptor)
  }
}

function claimed(
  path: string,
  descriptor: number,
  size: number,
  { claimsBytes, signatureBytes, sha256 }: NonNullable<ReturnType<typeof parseClosing>>,
): Pack {
  if (claimsBytes + signatureBytes > Math.min(size, mostClaimsBytes)) throw damagedPack(path, 'was altered')
  const claimsAt = size - closingBytes - signatureBytes - claimsBytes
  const claimsPart = readBytes(descriptor, claimsAt, claimsBytes)
  const signaturePart = readBytes(descriptor, claimsAt + claimsBytes, signatureBytes)
  if (!sumOf(claimsPart, signaturePart).equals(sha256)) throw damagedPack(path, 'was altered')
  const claimsText = new TextDecoder().decode(claimsPart)
  const claims = JSON.parse(claimsText) as Claims
  if (claims.format !== 1) throw damagedPack(path, `has format ${claims.format}, which this kedge does not read`)
  const { bundle, files } = claims
  return {
    path,
    claims,
    claimsText,
    ...(signatureBytes > 0 ? { signature: JSON.parse(new TextDecoder().decode(signaturePart)) as Signature } : {}),
    ...(bundle ? { bundle: { path, ...bundle } } : {}),
    files: { path, ...files },
  }
}

/** Where the claims begin, that is how far their sha256 reaches. */
export const contentBytes = ({ files }: Pack): number => files.offset + files.sizeBytes
