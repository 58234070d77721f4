import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { refused, TaskError } from '../event/failure.ts'
import type { Shell } from '../host/host.ts'
import { aptSourcesOf, serversOf } from './apt-sources.ts'
import type { LocatedPiece } from './bundle.ts'
import { download } from './download.ts'
import type { Fetcher, Means } from './fetchers.ts'
import { type ImageSystem, readImageSystem } from './image-system.ts'
import { makeRepository } from './make-repository.ts'
import { type PackageFile, packageClosure } from './package-closure.ts'
import { packageSets } from './package-sets.ts'
import type { Wanted } from './wanted.ts'

/**
 * Gathers distribution packages with all that they depend on and the lab's VM image lacks, each piece as a small repository.
 * Packages that came before a stop or a kill are not fetched again.
 */
export const fetchPackages: Fetcher = async (wanted, means) => {
  const systems = new Map<LocatedPiece, Promise<ImageSystem>>()
  const systemOf = (image: LocatedPiece, folder: string) => {
    const known = systems.get(image) ?? means.turn(() => readImageSystem(image, folder, means.$))
    systems.set(image, known)
    return known
  }
  await Promise.all(wanted.map((each) => means.settle(each, () => gather(each, means, systemOf))))
}

type SystemOf = (image: LocatedPiece, folder: string) => Promise<ImageSystem>

async function gather(wanted: Wanted, means: Means, systemOf: SystemOf): Promise<LocatedPiece> {
  const packages = packageSets[wanted.name]
  if (!packages) throw byHand(wanted, 'which packages it is made of is not known')
  const images = imagesFor(wanted, means)
  await mustHavePrograms(means.$)
  const folder = means.work.aside(wanted, '.packages')
  const files = new Map<string, PackageFile>()
  const servers = new Set<string>()
  const releases = new Set<string>()
  for (const [index, image] of images.entries()) {
    const system = await systemOf(image, join(means.work.folder, 'systems', image.sha256))
    const sources = aptSourcesOf(system, means.mirrors)
    if (sources.length === 0) throw byHand(wanted, `the VM image ${image.name} names no archive that speaks HTTP`)
    for (const server of serversOf(sources)) servers.add(server)
    const { statusFile, architecture, aptFolder, release } = system
    if (releases.add(release).size > 1)
      throw byHand(wanted, `its nodes have images of different systems: ${[...releases].join(', ')}`)
    const target = { statusFile, architecture, sources, trustedFolder: join(aptFolder, 'trusted.gpg.d') }
    const place = { folder: join(folder, `apt-${index}`), web: means.web, $: means.$ }
    for (const file of await means.turn(() => packageClosure(packages, target, place))) files.set(file.name, file)
  }
  await fetchAll(wanted, [...files.values()], folder, means)
  const tar = join(folder, 'repository.tar')
  await means.turn(() => makeRepository([...files.keys()], packages, { folder, tar, $: means.$ }))
  const piece = await means.work.keep(wanted, tar, { source: [...servers].join(' ') })
  rmSync(folder, { recursive: true, force: true })
  return piece
}

/** Those that the piece's nodes boot from. */
function imagesFor(wanted: Wanted, means: Means): readonly LocatedPiece[] {
  const images = means.wanted.filter(
    ({ kind, architecture }) => kind === 'vm-image' && architecture === wanted.architecture,
  )
  const bare = wanted.nodes.filter((node) => !images.some(({ nodes }) => nodes.includes(node)))
  if (bare.length > 0)
    throw byHand(
      wanted,
      `${bare.join(', ')} ${bare.length > 1 ? 'are' : 'is'} no VM: what is installed there is not known`,
    )
  return images
    .filter(({ nodes }) => nodes.some((node) => wanted.nodes.includes(node)))
    .map(({ name }) => {
      const had = means
        .had()
        .find((piece) => piece.kind === 'vm-image' && piece.name === name && piece.architecture === wanted.architecture)
      if (had) return had
      throw new TaskError({
        kind: 'bundle',
        message: `it is worked out against VM image ${name}, which could not be had`,
      })
    })
}

async function fetchAll(
  wanted: Wanted,
  files: readonly PackageFile[],
  folder: string,
  { web, signal, turn, onProgress }: Means,
): Promise<void> {
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const done = new Map<string, number>()
  const advance = (name: string, bytes: number) => {
    done.set(name, bytes)
    onProgress(
      wanted,
      [...done.values()].reduce((sum, each) => sum + each, 0),
      total,
    )
  }
  mkdirSync(join(folder, 'debs'), { recursive: true })
  const results = await Promise.allSettled(
    files.map(({ url, name, sizeBytes, sha256 }) =>
      turn(async () => {
        const path = join(folder, 'debs', name)
        if (!existsSync(path)) {
          await download(
            {
              url,
              path,
              part: join(folder, `${name}.part`),
              checksum: { algorithm: 'sha256', hex: sha256 },
              onProgress: (bytes) => advance(name, bytes),
            },
            web,
            signal,
          )
        }
        advance(name, sizeBytes)
      }),
    ),
  )
  signal.throwIfAborted()
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}

/** By the package that has it. */
const programs = {
  'apt-get': 'apt',
  'apt-ftparchive': 'apt-utils',
  'qemu-img': 'qemu-utils',
  sfdisk: 'fdisk',
  debugfs: 'e2fsprogs',
} as const

async function mustHavePrograms($: Shell): Promise<void> {
  const names = Object.keys(programs) as (keyof typeof programs)[]
  const found = await $`for name in ${names}; do command -v "$name" > /dev/null || echo "$name"; done`
  const missing = names.filter((name) => found.stdout.split('\n').includes(name))
  if (missing.length === 0) return
  throw refused(
    `packages are worked out with ${missing.join(', ')}, which this machine has not got`,
    `apt install ${missing.map((name) => programs[name]).join(' ')}, or give the packages as tars with --from DIR`,
  )
}

const byHand = ({ name, architecture }: Wanted, why: string) =>
  new TaskError({
    kind: 'bundle',
    message: `the packages of ${name} (${architecture}) cannot be gathered: ${why}`,
    cure: `put a tar of the packages, ${name}.tar, into a folder and give it with --from`,
  })
