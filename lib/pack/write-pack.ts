import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { chunksOf } from '../bundle/chunks-of.ts'
import type { Piece } from '../bundle/manifest.ts'
import { manifestOfFile, type PieceSource, type WriteOptions, writeBundle } from '../bundle/write-bundle-file.ts'
import { writeWhole } from '../bundle/write-whole.ts'
import { refused } from '../event/failure.ts'
import { type Elf, elfHeaderBytes, elfOf } from './elf.ts'
import { filesText, type PackedFile } from './pack-files.ts'
import {
  alignBytes,
  type Claims,
  closingBytes,
  closingOf,
  openingMagic,
  openingOf,
  type Signature,
} from './pack-format.ts'

/** What goes into a pack. */
export type PackParts = {
  /** A kedge for the machine that the pack is for; of one that is a pack itself, its executable. */
  readonly executable: string
  readonly kedge: string
  readonly lab: string
  readonly files: readonly PackedFile[]
  /** Undefined for a lab without a bundle. */
  readonly pieces?: readonly (Piece & PieceSource)[]
  /** Vouches for the claims, where somebody does. */
  readonly sign?: (claimsText: string) => Signature
}

/**
 * Writes a pack, which has its name only once it is whole. Throws a TaskError for an executable that is no kedge, and for a
 * piece that is damaged.
 */
export async function writePack(parts: PackParts, outPath: string, options: WriteOptions = {}): Promise<Claims> {
  const from = await open(parts.executable)
  try {
    return await writeWhole(outPath, 0o600, async (to) => {
      const elf = await kedgeIn(from, parts.executable)
      const claims = await writeAll(parts, { from, elf, to }, options)
      await to.chmod(0o755)
      return claims
    })
  } finally {
    await from.close()
  }
}

async function kedgeIn(file: FileHandle, path: string): Promise<Elf> {
  const header = Buffer.alloc(elfHeaderBytes)
  await file.read(header, 0, elfHeaderBytes, 0)
  const elf = elfOf(header)
  const cure = 'name a kedge for Linux on amd64 or arm64 with --executable'
  if (!elf) throw refused(`${path} is no executable that can carry a lab`, cure)
  // The code that reads a pack is in every kedge, and with it the word that it looks for.
  let isKedge = false
  let before = Buffer.alloc(0)
  for await (const chunk of chunksOf(file, 0, elf.endBytes)) {
    isKedge = Buffer.concat([before, chunk]).includes(openingMagic, 0, 'latin1')
    if (isKedge) break
    before = Buffer.from(chunk.subarray(-openingMagic.length))
  }
  if (!isKedge) throw refused(`${path} is not a kedge that can carry a lab`, cure)
  return elf
}

type Files = { readonly from: FileHandle; readonly elf: Elf; readonly to: FileHandle }

async function writeAll(parts: PackParts, { from, elf, to }: Files, options: WriteOptions): Promise<Claims> {
  const { endBytes: executableBytes, architecture } = elf
  let end = 0
  for await (const chunk of chunksOf(from, 0, executableBytes, options.signal)) {
    await to.write(chunk, 0, chunk.length, end)
    end += chunk.length
  }
  if (end < executableBytes) throw new RangeError(`the executable ends at ${end}, before ${executableBytes}`)
  const offset = Math.ceil((executableBytes + openingMagic.length + 8) / alignBytes) * alignBytes
  const { pieces } = parts
  const bundle = pieces && {
    offset,
    sizeBytes: await writeBundle(pieces, manifestOfFile(pieces), to, offset, options),
  }
  const files = Buffer.from(filesText(parts.files))
  const filesAt = offset + (bundle?.sizeBytes ?? 0)
  await to.write(files, 0, files.length, filesAt)
  const contentBytes = filesAt + files.length

  const claimsOf = (sha256: string): Claims => ({
    format: 1,
    kedge: parts.kedge,
    lab: parts.lab,
    architecture,
    executableBytes,
    ...(bundle ? { bundle } : {}),
    files: { offset: filesAt, sizeBytes: files.length },
    sha256,
  })
  const tailOf = (claims: Claims) => {
    const text = JSON.stringify(claims)
    const signature = parts.sign ? JSON.stringify(parts.sign(text)) : ''
    return [Buffer.from(text), Buffer.from(signature)] as const
  }
  // The opening says how long all is, and is itself under the sum: every sum has the same length, and so has the tail.
  const tailBytes = tailOf(claimsOf('0'.repeat(64))).reduce((sum, part) => sum + part.length, closingBytes)
  const opening = openingOf(contentBytes + tailBytes)
  await to.write(opening, 0, opening.length, executableBytes)

  const hash = createHash('sha256')
  for await (const chunk of chunksOf(to, 0, contentBytes, options.signal)) hash.update(chunk)
  const claims = claimsOf(hash.digest('hex'))
  const [text, signature] = tailOf(claims)
  const tail = Buffer.concat([text, signature, closingOf(text, signature)])
  await to.write(tail, 0, tail.length, contentBytes)
  return claims
}
