import { closeSync, openSync, readSync } from 'node:fs'
import type { Architecture } from '../topology/topology.ts'
import type { Piece } from './manifest.ts'
import { readMember, type TarMember, type TarRange, tarMembers } from './tar-members.ts'

/** What can be told of a file by looking into it; `other` names what kedge has no use for. */
export type Found = Architecture | 'unknown' | { readonly other: string }

/** The machine that a program, an image or packages are for, by their own words. A VM image does not say. */
export function architectureIn(path: string, kind: Piece['kind'], within: TarRange = {}): Found {
  if (kind === 'file') return programArchitecture(path, within)
  if (kind === 'vm-image') return isQcow2(path, within) ? 'unknown' : { other: 'no qcow2 image' }
  if (kind === 'manifest') return 'unknown'
  const members = tarMembers(path, within)
  if (!members) return { other: 'no tar' }
  return kind === 'image' ? archiveArchitecture(path, members) : packagesArchitecture(members)
}

/** Machines as ELF headers number them. */
export const elfMachines: Readonly<Record<number, Architecture>> = { 62: 'amd64', 183: 'arm64' }

/** By the ELF header; a script, which fits any machine, is `unknown`. */
function programArchitecture(path: string, { offset }: TarRange): Found {
  const head = headOf(path, 20, offset)
  if (head.toString('latin1', 0, 4) !== '\x7fELF') return 'unknown'
  const machine = head.readUInt16LE(18)
  return elfMachines[machine] ?? { other: `a program for ELF machine ${machine}` }
}

const isQcow2 = (path: string, { offset }: TarRange) => headOf(path, 4, offset).toString('latin1') === 'QFI\xfb'

function headOf(path: string, bytes: number, offset = 0): Buffer {
  const head = Buffer.alloc(bytes)
  const file = openSync(path, 'r')
  try {
    readSync(file, head, 0, bytes, offset)
    return head
  } finally {
    closeSync(file)
  }
}

/** A docker-archive's own list of the images in it. */
export function archiveNames(path: string, within: TarRange = {}): readonly string[] {
  const members = tarMembers(path, within)
  return (members && archiveEntries(path, members))?.flatMap(({ RepoTags }) => RepoTags ?? []) ?? []
}

type ArchiveEntry = { readonly Config?: string; readonly RepoTags?: readonly string[] | null }

/** What a docker-archive says of the images in it; undefined where it is none. */
export function archiveEntries(path: string, members: readonly TarMember[]): readonly ArchiveEntry[] | undefined {
  const entries = parsed(readMember(path, members, 'manifest.json'))
  return Array.isArray(entries) ? (entries as ArchiveEntry[]) : undefined
}

function archiveArchitecture(path: string, members: readonly TarMember[]): Found {
  const config = archiveEntries(path, members)?.[0]?.Config
  if (!config) return { other: 'no docker-archive' }
  const { architecture } = (parsed(readMember(path, members, config)) ?? {}) as { architecture?: unknown }
  if (architecture === 'amd64' || architecture === 'arm64') return architecture
  return typeof architecture === 'string' && architecture ? { other: `an image for ${architecture}` } : 'unknown'
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** By the packages' file names, of which those for all machines say nothing. */
function packagesArchitecture(members: readonly TarMember[]): Found {
  const found = new Set(
    members.flatMap(({ name }) => /[_.](amd64|arm64|x86_64|aarch64)\.(?:deb|rpm)$/.exec(name)?.[1] ?? []),
  )
  const isAmd64 = found.has('amd64') || found.has('x86_64')
  const isArm64 = found.has('arm64') || found.has('aarch64')
  if (isAmd64 && isArm64) return { other: 'packages for several machines' }
  return isAmd64 ? 'amd64' : isArm64 ? 'arm64' : 'unknown'
}
