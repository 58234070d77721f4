import { closeSync, openSync, readSync } from 'node:fs'
import { readBytes } from './read-image.ts'

export type TarMember = { readonly name: string; readonly offset: number; readonly sizeBytes: number }

/** All of the file by default. */
export type TarRange = { readonly offset?: number; readonly sizeBytes?: number }

const blockBytes = 512

/**
 * The files in a tar that is not compressed, with where their bytes lie; only headers are read, however large it is. Undefined
 * for what is no tar. The tar may be a part of the file; members' places count from the file's start. A member whose name
 * took an extension of the format has the name that its own header gives.
 */
export function tarMembers(path: string, within: TarRange = {}): readonly TarMember[] | undefined {
  const { offset: start = 0, sizeBytes: length = Number.POSITIVE_INFINITY } = within
  const file = openSync(path, 'r')
  try {
    const members: TarMember[] = []
    const header = Buffer.alloc(blockBytes)
    const isFull = (position: number) =>
      position + blockBytes <= start + length && readSync(file, header, 0, blockBytes, position) === blockBytes
    for (let position = start; isFull(position); ) {
      if (header.every((byte) => byte === 0)) return members
      if (header.toString('latin1', 257, 262) !== 'ustar') return undefined
      const sizeBytes = sizeIn(header)
      if (sizeBytes === undefined) return undefined
      const type = String.fromCharCode(header[156] ?? 0)
      const offset = position + blockBytes
      if (type === '0' || type === '\0') members.push({ name: textIn(header, 0, 100), offset, sizeBytes })
      position = offset + Math.ceil(sizeBytes / blockBytes) * blockBytes
    }
    return members.length > 0 ? members : undefined
  } finally {
    closeSync(file)
  }
}

/** All of a small member as text; undefined where there is none of that name. */
export function readMember(path: string, members: readonly TarMember[], name: string): string | undefined {
  const member = members.find((each) => each.name === name)
  if (!member || member.sizeBytes > largestTextBytes) return undefined
  const file = openSync(path, 'r')
  try {
    return new TextDecoder().decode(readBytes(file, member.offset, member.sizeBytes))
  } finally {
    closeSync(file)
  }
}

const largestTextBytes = 16 * 1024 * 1024

const textIn = (header: Buffer, from: number, to: number) =>
  (header.toString('latin1', from, to).split('\0')[0] ?? '').replace(/^\.\//, '')

/** In octal digits, or, above 8 GiB, as a number of eleven bytes after one with its highest bit set. */
function sizeIn(header: Buffer): number | undefined {
  if (((header[124] ?? 0) & 0x80) !== 0) return Number(header.readBigUInt64BE(128))
  const digits = textIn(header, 124, 136).trim()
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}
