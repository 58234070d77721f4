import { chmodSync, copyFileSync, rmSync } from 'node:fs'
import { toFailure } from '../host/to-failure.ts'
import type { LocatedPiece } from './bundle.ts'
import type { Means } from './fetchers.ts'
import { parseImageReference, repositoryOf } from './image-reference.ts'
import { imagesIn } from './lacking.ts'
import { readAsset } from './read-asset.ts'
import { k3sImageList } from './sources.ts'
import type { Wanted } from './wanted.ts'
import { fetchText } from './web.ts'

/** What pieces that are there by now say of images. */
export type Named = {
  /** By kubeadm, or with a release of K3s: of these the tags count. */
  readonly byPrograms: readonly string[]
  /** By the pod network's manifest: all that it runs. */
  readonly byPodNetwork: readonly string[]
}

/** Puts the images that programs and manifests name in the place of those of which kedge knows the tag, or all, only about. */
export function asNamed(guessed: readonly Wanted[], { byPrograms, byPodNetwork }: Named): readonly Wanted[] {
  const tags = new Map(byPrograms.map((name) => [repositoryOf(name), parseImageReference(name)?.tag]))
  const named = guessed.flatMap((each) => {
    if (each.namedIn === 'pod-network' && byPodNetwork.length > 0)
      return byPodNetwork.map((name) => renamed(each, name))
    const tag = tags.get(repositoryOf(each.name))
    return tag ? [renamed(each, `${repositoryOf(each.name)}:${tag}`)] : [each]
  })
  return [...new Map(named.map((each) => [`${each.name} ${each.architecture}`, each])).values()]
}

function renamed(wanted: Wanted, name: string): Wanted {
  if (name === wanted.name) return wanted
  const { tag, digest } = parseImageReference(name) ?? {}
  return { ...wanted, name, version: tag?.replace(/^v/, '') ?? digest ?? wanted.version }
}

/** Asks kubeadm, if it runs on this machine, the pod network's manifest, and what K3s publishes beside its program. */
export async function namedImages(means: Means, say: (text: string) => void): Promise<Named> {
  const byPrograms = await Promise.all(means.had().map((piece) => imagesOfProgram(piece, means, say)))
  const manifest = means.had().find(({ kind, name }) => kind === 'manifest' && name === 'pod-network')
  return { byPrograms: byPrograms.flat(), byPodNetwork: manifest ? imagesIn(readAsset(manifest)) : [] }
}

/** A program that cannot be asked is told of, and leaves the tags as they are. */
async function imagesOfProgram(
  piece: LocatedPiece,
  means: Means,
  say: (text: string) => void,
): Promise<readonly string[]> {
  const here = process.arch === 'arm64' ? 'arm64' : 'amd64'
  try {
    if (piece.name === 'kubeadm' && piece.architecture === here) return await kubeadmImages(piece, means)
    if (piece.name !== 'k3s') return []
    const list = k3sImageList(piece.version, means.mirrors)
    return linesOf(await fetchText(list, means.web, means.signal))
  } catch (error) {
    means.signal.throwIfAborted()
    say(`which images ${piece.name} ${piece.version} takes cannot be told: ${toFailure(error).message}`)
    return []
  }
}

const linesOf = (text: string): readonly string[] =>
  text.split('\n').flatMap((line) => (parseImageReference(line.trim()) ? [line.trim()] : []))

async function kubeadmImages(piece: LocatedPiece, { $, work, signal }: Means): Promise<readonly string[]> {
  // Its own place in a bundle is neither executable nor, where the bundle is one file, a file.
  const runnable = work.aside({ ...piece, nodes: [], task: '' }, '.run')
  if (piece.offset !== undefined) return []
  copyFileSync(piece.path, runnable)
  chmodSync(runnable, 0o755)
  try {
    const version = `v${piece.version.replace(/^v/, '')}`
    const listed = await $({ signal })`${runnable} config images list --kubernetes-version ${version}`.timeout('30s')
    return linesOf(listed.stdout)
  } finally {
    rmSync(runnable, { force: true })
  }
}
