import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { TaskError } from '../event/failure.ts'
import { architectureIn, archiveNames } from './architecture-in.ts'
import { openBundle } from './bundle.ts'
import { manifestName } from './manifest.ts'
import { sourceOf } from './sources.ts'
import type { Wanted } from './wanted.ts'

/** A file that is a piece, or the .tar.gz that it is in. */
export type OnDisk = {
  readonly path: string
  readonly offset?: number
  readonly sizeBytes: number
  /** The piece's path in the .tar.gz. */
  readonly member?: string
  /** What the bundle that it lies in says of it. */
  readonly source?: string
  readonly digest?: string
}

/** Looks a wanted piece up. */
export type Shelf = (wanted: Wanted) => OnDisk | undefined

const deepest = 4

/**
 * What the places given with `--from` hold: bundles, by their manifests, and folders, by file names. A name may carry version
 * and architecture, as upstream's files do, or stand in a folder named for the architecture; programs, images and packages
 * are looked into all the same. The first place that has a piece gives it; `onPassedOver` is told of one by that name that is
 * for another machine.
 */
export function shelfOf(places: readonly string[], onPassedOver: (text: string) => void): Shelf {
  const shelves = places.map((place) => (isBundle(place) ? bundleShelf(place) : folderShelf(place, onPassedOver)))
  return (wanted) => {
    for (const shelf of shelves) {
      const found = shelf(wanted)
      if (found) return found
    }
    return undefined
  }
}

function isBundle(place: string): boolean {
  const found = statSync(place, { throwIfNoEntry: false })
  if (!found) throw new TaskError({ kind: 'refused', message: `--from ${place}: there is no such folder or file` })
  return found.isFile() || statSync(join(place, manifestName), { throwIfNoEntry: false }) !== undefined
}

function bundleShelf(place: string): Shelf {
  const { pieces } = openBundle(place)
  return ({ kind, name, version, architecture, anyKind }) =>
    pieces.find(
      (piece) =>
        piece.name === name &&
        piece.architecture === architecture &&
        (anyKind || (piece.kind === kind && piece.version === version)),
    )
}

function folderShelf(place: string, onPassedOver: (text: string) => void): Shelf {
  const files = filesIn(place, deepest)
  let images: ReadonlyMap<string, readonly string[]> | undefined
  return (wanted) => {
    const names = fileNames(wanted)
    let candidates = files.filter((file) => names.has(basename(file)))
    if (wanted.kind === 'image' && candidates.length === 0) {
      images ??= imagesIn(files)
      candidates = [...(images.get(wanted.name) ?? [])]
    }
    return fitting(wanted, candidates, onPassedOver)
  }
}

function fitting(
  wanted: Wanted,
  candidates: readonly string[],
  onPassedOver: (text: string) => void,
): OnDisk | undefined {
  for (const path of candidates) {
    const member = isArchive(path) ? sourceOf(wanted)?.member : undefined
    const found = member ? 'unknown' : architectureIn(path, wanted.kind)
    const says = found === 'unknown' ? (saidByName(path) ?? wanted.architecture) : found
    if (wanted.architecture === 'all' || says === wanted.architecture)
      return { path, sizeBytes: statSync(path).size, ...(member ? { member } : {}) }
    const what = typeof says === 'string' ? `for ${says}` : says.other
    onPassedOver(`${path} is ${what}, not ${wanted.name} for ${wanted.architecture}`)
  }
  return undefined
}

const isArchive = (path: string) => /\.(tar\.gz|tgz)$/.test(path)

/** The architecture that a file's name or its folder's gives. */
function saidByName(path: string): 'amd64' | 'arm64' | undefined {
  const words = path
    .split('/')
    .slice(-2)
    .join('/')
    .split(/[^A-Za-z0-9]+/)
  if (words.some((word) => word === 'amd64' || word === 'x86')) return 'amd64'
  return words.some((word) => word === 'arm64' || word === 'aarch64') ? 'arm64' : undefined
}

const endings = {
  'vm-image': ['.qcow2', '.img'],
  'os-packages': ['.tar'],
  file: [''],
  image: ['.tar'],
  manifest: ['.yaml', '.yml'],
} as const

/** What a file with that piece may be called. */
function fileNames(wanted: Wanted): ReadonlySet<string> {
  const { kind, name, version, architecture } = wanted
  const path = name.replaceAll(/[^A-Za-z0-9.+-]/g, '_')
  const short = name.slice(name.lastIndexOf('/') + 1).replaceAll(/[^A-Za-z0-9.+-]/g, '_')
  const stems =
    kind === 'image' ? [path, short, short.replaceAll('_', '-')] : [name, `${name}-${version}`, `${name}-v${version}`]
  const named = stems.flatMap((stem) => [
    stem,
    `${stem}-${architecture}`,
    `${stem}_${architecture}`,
    `${stem}-linux-${architecture}`,
  ])
  const upstream = sourceOf(wanted)?.url
  return new Set([
    ...named.flatMap((each) => endings[kind].map((ending) => `${each}${ending}`)),
    ...(kind === 'vm-image' ? [name] : []),
    ...(upstream ? [decodeURIComponent(basename(new URL(upstream).pathname))] : []),
  ])
}

/** By the names that docker-archives have in themselves. */
function imagesIn(files: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const file of files.filter((each) => each.endsWith('.tar')))
    for (const name of archiveNames(file)) found.set(name, [...(found.get(name) ?? []), file])
  return found
}

function filesIn(folder: string, depth: number): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return depth > 1 && !entry.name.startsWith('.') ? filesIn(path, depth - 1) : []
      return statSync(path, { throwIfNoEntry: false })?.isFile() ? [path] : []
    })
}
