import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { TaskError } from '../event/failure.ts'
import type { Architecture } from '../topology/topology.ts'
import { architectureIn } from './architecture-in.ts'
import { type ImageReference, parseImageReference, pullAddress } from './image-reference.ts'
import { type Puller, skopeo } from './skopeo.ts'
import { watchGrowth } from './watch-growth.ts'
import { withRetries } from './web.ts'

export type RemoteImage = {
  /** What is pulled: the repository, or its mirror's, with the digest. */
  readonly source: string
  /** `sha256:…` of the manifest, or of the list of manifests, in the registry. */
  readonly digest: string
  /** Of its layers as they are sent; 0 where the registry does not say. */
  readonly sizeBytes: number
}

type Manifest = {
  readonly layers?: readonly { readonly size?: number }[]
  readonly manifests?: readonly {
    readonly digest: string
    readonly platform?: { readonly architecture?: string; readonly os?: string }
  }[]
}

/** Asks the registry for an image. Throws a TaskError: `unreachable`, or `bundle` where it has none for that architecture. */
export async function inspectImage(name: string, architecture: Architecture, puller: Puller): Promise<RemoteImage> {
  const reference = referenceOf(name)
  const { repository, isPlain } = pullAddress(reference, puller.registries)
  const read = async (which: string) => {
    const words = ['inspect', '--raw', ...trust('', isPlain, puller), `docker://${repository}${which}`]
    return await withRetries(puller.web, puller.signal, () => skopeo(puller, name, words))
  }
  const text = await read(reference.digest ? `@${reference.digest}` : `:${reference.tag}`)
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
  let manifest = JSON.parse(text) as Manifest
  if (manifest.manifests) {
    const platforms = manifest.manifests.filter(({ platform }) => platform?.os === 'linux')
    const fitting = platforms.find(({ platform }) => platform?.architecture === architecture)
    const others = [...new Set(platforms.map(({ platform }) => platform?.architecture))]
    if (!fitting) throw wrongArchitecture(name, others.join(', ') || 'nothing', architecture)
    manifest = JSON.parse(await read(`@${fitting.digest}`)) as Manifest
  }
  const sizeBytes = (manifest.layers ?? []).reduce((sum, { size = 0 }) => sum + size, 0)
  return { source: `${repository}@${digest}`, digest, sizeBytes }
}

export type Pull = {
  /** In full; each becomes a name of the one image. */
  readonly names: readonly string[]
  readonly architecture: Architecture
  readonly image: RemoteImage
  /** The name that the docker-archive gets when it is whole. */
  readonly path: string
  /** A folder of its own for what is on the way; taken away. */
  readonly scratch: string
  readonly onProgress?: (doneBytes: number) => void
}

/** Pulls an image as a docker-archive, by its digest, so that it is what was looked at. Throws as `inspectImage` does. */
export async function pullImage(pull: Pull, puller: Puller): Promise<void> {
  const [first = '', ...others] = pull.names
  const aside = join(pull.scratch, 'image.tar')
  const { isPlain } = pullAddress(referenceOf(first), puller.registries)
  const words = [
    // What is cached or staged goes to the disk that the bundle is on, not to one that may be small.
    ...['--tmpdir', pull.scratch, '--override-os', 'linux', '--override-arch', pull.architecture],
    ...['copy', '--quiet', ...trust('src-', isPlain, puller)],
    ...others.flatMap((name) => ['--additional-tag', taggedName(referenceOf(name))]),
    ...[`docker://${pull.image.source}`, `docker-archive:${aside}:${taggedName(referenceOf(first))}`],
  ]
  try {
    await withRetries(puller.web, puller.signal, async () => {
      rmSync(pull.scratch, { recursive: true, force: true })
      mkdirSync(pull.scratch, { recursive: true })
      const { stallSeconds } = puller.web
      const watch = watchGrowth(pull.scratch, { stallSeconds, signal: puller.signal, onGrowth: pull.onProgress })
      try {
        await skopeo({ ...puller, $: puller.$({ signal: watch.signal }) }, first, words)
      } catch (error) {
        puller.signal.throwIfAborted()
        const message = `${first}: nothing arrived for ${stallSeconds} s`
        throw watch.signal.aborted ? new TaskError({ kind: 'unreachable', message }) : error
      } finally {
        watch.end()
      }
    })
    const found = architectureIn(aside, 'image')
    if (found !== pull.architecture)
      throw wrongArchitecture(first, typeof found === 'string' ? found : found.other, pull.architecture)
    renameSync(aside, pull.path)
  } finally {
    rmSync(pull.scratch, { recursive: true, force: true })
  }
}

/** In a docker-archive a name has a tag; one that has a digest alone gets one that is made of it. */
const taggedName = ({ registry, repository, tag, digest }: ImageReference) =>
  `${registry}/${repository}:${tag ?? digest?.replace(':', '-')}`

function referenceOf(name: string): ImageReference {
  const reference = parseImageReference(name)
  if (reference) return reference
  throw new TaskError({ kind: 'bundle', message: `${name} is no name of a container image` })
}

/** How far a registry is trusted: without TLS only where the mirror was given as http://. */
function trust(prefix: string, isPlain: boolean, { caFolder }: Puller): readonly string[] {
  if (isPlain) return [`--${prefix}tls-verify=false`]
  const option = `--${prefix}cert-dir`
  return caFolder ? [option, caFolder] : []
}

const wrongArchitecture = (name: string, found: string, wanted: string) =>
  new TaskError({ kind: 'bundle', message: `${name} is there for ${found}, and not for ${wanted}` })
