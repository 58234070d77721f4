import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { TaskError } from '../event/failure.ts'
import type { Shell } from '../host/host.ts'
import type { LocatedPiece } from './bundle.ts'

/** What was read out of a VM image, as files of this machine. Nothing of it is ever run or used as settings. */
export type ImageSystem = {
  /** dpkg's own account of what is installed. */
  readonly statusFile: string
  /** The image's /etc/apt and /usr/share/keyrings. */
  readonly aptFolder: string
  readonly keyringsFolder: string
  /** As dpkg calls it: amd64, arm64, … */
  readonly architecture: string
  /** Distribution and release, `debian bookworm`. */
  readonly release: string
}

/**
 * Reads what apt has to know of a VM image, without booting or mounting it, into `folder`, which is made anew. The disk is
 * unpacked there for as long as that takes. Throws a TaskError.
 */
export async function readImageSystem(image: LocatedPiece, folder: string, $: Shell): Promise<ImageSystem> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const disk = join(folder, 'disk')
  try {
    const unpacked = await $`qemu-img convert -O raw ${openable(image)} ${disk}`.nothrow()
    if (unpacked.exitCode !== 0) throw unusable(image, `qemu-img: ${unpacked.stderr.trim().split('\n').at(-1)}`)
    for (const offset of await partitionOffsets(disk, $)) {
      // Its exit code says nothing of single commands: what is there afterwards does.
      await $`cd ${folder} && printf '%s\\n' ${commands} | debugfs -f - ${`disk?offset=${offset}`} 2>&1`.nothrow()
      if (existsSync(join(folder, 'status'))) return systemIn(image, folder)
    }
  } finally {
    rmSync(disk, { force: true })
  }
  throw unusable(image, 'it has no ext2, ext3 or ext4 file system with /var/lib/dpkg/status in it')
}

/** For debugfs, which writes to its working folder. */
const commands = [
  'dump /var/lib/dpkg/status status',
  'dump /usr/lib/os-release os-release',
  'rdump /etc/apt .',
  'rdump /usr/share/keyrings .',
]

/** A backing file that an image names would be any file of this machine: it is not opened. */
function openable({ path, offset, sizeBytes }: LocatedPiece): string {
  const file = { driver: 'file', filename: path }
  const part = offset === undefined ? file : { driver: 'raw', offset, size: sizeBytes, file }
  return `json:${JSON.stringify({ driver: 'qcow2', file: part, backing: null })}`
}

type Table = {
  readonly partitiontable: {
    readonly sectorsize?: number
    readonly partitions?: readonly { readonly start: number; readonly size: number }[]
  }
}

/** Where partitions begin, in bytes, the largest first; a disk without a table is a file system itself. */
async function partitionOffsets(disk: string, $: Shell): Promise<readonly number[]> {
  const { stdout, exitCode } = await $`sfdisk --json ${disk}`.nothrow()
  if (exitCode !== 0) return [0]
  const { sectorsize = 512, partitions = [] } = (JSON.parse(stdout) as Table).partitiontable
  return [...partitions].sort((a, b) => b.size - a.size).map(({ start }) => start * sectorsize)
}

function systemIn(image: LocatedPiece, folder: string): ImageSystem {
  const statusFile = join(folder, 'status')
  const stanza = /^Package: dpkg\n(?:.+\n)*/m.exec(readFileSync(statusFile, 'utf8'))?.[0] ?? ''
  const architecture = /^Architecture: (\S+)$/m.exec(stanza)?.[1]
  if (!architecture) throw unusable(image, 'its dpkg does not say for which architecture it is')
  if (architecture !== image.architecture)
    throw unusable(image, `it is for ${architecture}, not for ${image.architecture}`)
  const release = existsSync(join(folder, 'os-release')) ? readFileSync(join(folder, 'os-release'), 'utf8') : ''
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(release)?.[1] ?? ''
  return {
    statusFile,
    aptFolder: join(folder, 'apt'),
    keyringsFolder: join(folder, 'keyrings'),
    architecture,
    release: `${field('ID')} ${field('VERSION_CODENAME')}`.trim(),
  }
}

const unusable = ({ name, path }: LocatedPiece, why: string) =>
  new TaskError({
    kind: 'bundle',
    message: `packages cannot be worked out against VM image ${name} (${path}): ${why}`,
    cure: 'put a tar of the packages, named as the piece, into a folder and give it with --from',
  })
