import { createHash } from 'node:crypto'
import type { Asset } from '../task/task.ts'
import { archiveEntries } from './architecture-in.ts'
import { parseImageReference } from './image-reference.ts'
import { readMember, tarMembers } from './tar-members.ts'

const known = new WeakMap<Asset, { readonly id: string | undefined }>()

/**
 * `sha256:…` of an image's configuration, as it lies in the bundle's docker-archive. Every runtime keeps those bytes as they
 * are and calls the image by their sum, whereas the digest in a registry is lost when an image becomes an archive. Undefined
 * for what is no docker-archive, and for one that carries other names.
 */
export function imageId(asset: Asset): string | undefined {
  const before = known.get(asset)
  if (before) return before.id
  const id = readId(asset)
  known.set(asset, { id })
  return id
}

function readId(asset: Asset): string | undefined {
  const members = tarMembers(asset.path, asset)
  const entries = members && archiveEntries(asset.path, members)
  const entry = entries?.find(({ RepoTags }) => RepoTags?.some((tag) => isSame(tag, asset.name)))
  const config = entry?.Config && readMember(asset.path, members ?? [], entry.Config)
  return config ? `sha256:${createHash('sha256').update(config).digest('hex')}` : undefined
}

/** Archives of Docker's own call `docker.io/library/busybox:1` by its short name. */
function isSame(tag: string, name: string): boolean {
  const [one, other] = [parseImageReference(tag), parseImageReference(name)]
  return one?.registry === other?.registry && one?.repository === other?.repository && one?.tag === other?.tag
}
