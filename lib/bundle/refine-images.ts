import { chmodSync, copyFileSync, rmSync } from 'node:fs'
import { toFailure } from '../host/to-failure.ts'
import type { LocatedPiece } from './bundle.ts'
import type { Means } from './fetchers.ts'
import { parseImageReference } from './image-reference.ts'
import { readAsset } from './read-asset.ts'
import { k3sImageList } from './sources.ts'
import type { Wanted } from './wanted.ts'
import { fetchText } from './web.ts'

/** Gives images of which kedge knows the tag only about the one that the fetched programs and manifests name. */
export function withTags(wanted: readonly Wanted[], names: readonly string[]): readonly Wanted[] {
  const known = new Map(names.map((name) => [repositoryOf(name), parseImageReference(name)?.tag]))
  return wanted.map((each) => {
    const tag = each.anyTag ? known.get(repositoryOf(each.name)) : undefined
    return tag ? { ...each, name: `${repositoryOf(each.name)}:${tag}`, version: tag.replace(/^v/, '') } : each
  })
}

function repositoryOf(name: string): string {
  const { registry, repository } = parseImageReference(name) ?? {}
  return `${registry}/${repository}`
}

/**
 * The images that the pieces which are there by now name: kubeadm, if it runs on this machine, the pod network's manifest,
 * and what K3s publishes beside its program. Who cannot be asked is told to `say` and leaves the tags as they are.
 */
export async function namedImages(means: Means, say: (text: string) => void): Promise<readonly string[]> {
  const here = process.arch === 'arm64' ? 'arm64' : 'amd64'
  const asked = means.had().map(async (piece) => {
    try {
      if (piece.name === 'pod-network') return imagesIn(readAsset(piece))
      if (piece.name === 'kubeadm' && piece.architecture === here) return await kubeadmImages(piece, means)
      if (piece.name === 'k3s') {
        const list = k3sImageList(piece.version, means.mirrors)
        return linesOf(await fetchText(list, means.web, means.signal))
      }
    } catch (error) {
      means.signal.throwIfAborted()
      say(`which images ${piece.name} ${piece.version} takes cannot be told: ${toFailure(error).message}`)
    }
    return []
  })
  return (await Promise.all(asked)).flat()
}

const imagesIn = (manifest: string): readonly string[] =>
  [...manifest.matchAll(/^\s*(?:- )?image:\s*["']?([^\s"'#]+)/gm)].map(([, name = '']) => name)

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
