import { link, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { packageSets } from '../../lib/bundle/package-sets.ts'
import { packagedVersion, packagePieces } from './apt-repository.ts'
import { makeDockerArchive, sha256Of } from './docker-archive.ts'
import type { Image } from './image.ts'
import { standInPieces } from './stand-in/pieces.ts'

/** One entry of a bundle's `manifest.json`. */
export type Piece = {
  readonly name: string
  readonly kind: 'vm-image' | 'os-packages' | 'file' | 'image' | 'manifest'
  readonly version: string
  readonly architecture: 'amd64' | 'arm64' | 'all'
  /** Relative to the bundle's folder. */
  readonly path: string
  readonly sizeBytes: number
  /** Lower-case hex. */
  readonly sha256: string
  /** Where it came from, for people. */
  readonly source: string
  readonly roles?: readonly ('control-plane' | 'worker' | 'edge')[]
}

export type BundleVersions = { readonly kubernetes: string; readonly kubeedge: string }

/**
 * Fills `folder` with a whole bundle: the VM image, Debian's own packages, and either the stand-in programs or, where
 * `given` names a bundle's folder, that bundle's pieces. What `given` lacks of image and packages is added to it.
 */
export async function makeBundle(
  folder: string,
  image: Image,
  versions: BundleVersions,
  given?: string,
): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  const aside = `${folder}.aside`
  await rm(aside, { recursive: true, force: true })
  await mkdir(aside, { recursive: true })
  const programs = given ? await givenPieces(aside, resolve(given)) : await standInProgramPieces(aside, versions)
  const isGiven = (kind: Piece['kind'], name: string) =>
    programs.some((piece) => piece.kind === kind && piece.name === name)
  // An image of the bundle's own may be any system: the packages then have to be its own as well.
  const hasImage = programs.some(({ kind }) => kind === 'vm-image')
  const sets = packagePieces.filter((name) => !isGiven('os-packages', name))
  const pieces = [...(hasImage ? [] : await groundPieces(aside, image, sets)), ...programs]
  await writeFile(join(aside, 'manifest.json'), `${JSON.stringify({ version: 1, pieces }, null, 2)}\n`)
  await rename(aside, folder)
}

/** The VM image and the packages that go into it. */
async function groundPieces(bundle: string, image: Image, sets: readonly string[]): Promise<Piece[]> {
  const base = await place(image.qcow2, join(bundle, 'base.qcow2'))
  const pieces = [
    await piece(bundle, base, { name: 'base', kind: 'vm-image', version: image.key, source: 'mmdebstrap' }),
  ]
  for (const name of sets) {
    const tar = await place(join(image.packages, `${name}.tar`), join(bundle, 'packages', `${name}.tar`))
    const version = await packagedVersion(join(image.packages, name, 'debs'), packageSets[name]?.[0] ?? '')
    pieces.push(await piece(bundle, tar, { name, kind: 'os-packages', version, source: 'the distribution' }))
  }
  return pieces
}

async function standInProgramPieces(bundle: string, versions: BundleVersions): Promise<Piece[]> {
  const made = join(bundle, 'stand-in')
  const { files, images, manifests } = await standInPieces(made, versions)
  const source = 'stand-in'
  const pieces: Piece[] = []
  for (const { name, path, version } of files) {
    pieces.push(
      await piece(bundle, await moveInto(join(bundle, 'files'), path), { name, kind: 'file', version, source }),
    )
  }
  for (const { name, path, version } of manifests) {
    const moved = await moveInto(join(bundle, 'manifests'), path)
    pieces.push({ ...(await piece(bundle, moved, { name, kind: 'manifest', version, source })), architecture: 'all' })
  }
  for (const { name, version, rootfsFolder, entrypoint, roles } of images) {
    const archive = join(bundle, 'images', `${name.replaceAll(/[/:]/g, '_')}.tar`)
    await makeDockerArchive({ name, root: rootfsFolder, entrypoint }, archive)
    pieces.push({ ...(await piece(bundle, archive, { name, kind: 'image', version, source })), roles })
  }
  await rm(made, { recursive: true, force: true })
  return pieces
}

/** The pieces of a bundle on disk, each by a link: nothing of it is copied or changed. */
async function givenPieces(bundle: string, given: string): Promise<Piece[]> {
  const manifest = JSON.parse(await readFile(join(given, 'manifest.json'), 'utf8')) as { pieces: Piece[] }
  for (const { path } of manifest.pieces) await place(join(given, path), join(bundle, path))
  return manifest.pieces
}

async function piece(
  bundle: string,
  path: string,
  known: Pick<Piece, 'name' | 'kind' | 'version' | 'source'>,
): Promise<Piece> {
  const { size } = await stat(path)
  return {
    ...known,
    architecture: 'amd64',
    path: path.slice(bundle.length + 1),
    sizeBytes: size,
    sha256: await sha256Of(path),
  }
}

async function moveInto(folder: string, path: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const moved = join(folder, basename(path))
  await rename(path, moved)
  return moved
}

/** A second name for a file; a symbolic link where it lies on another file system. */
async function place(existing: string, path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await link(existing, path).catch(() => symlink(existing, path))
  return path
}
