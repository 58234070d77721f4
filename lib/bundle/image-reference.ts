/** A container image's name, taken apart. */
export type ImageReference = {
  /** `docker.io`, `registry.k8s.io`, `localhost:5000`. */
  readonly registry: string
  /** With `library/` where Docker Hub means it. */
  readonly repository: string
  readonly tag?: string
  /** `sha256:…` */
  readonly digest?: string
}

/** A first part without a dot or a port is no registry but a name on Docker Hub. */
const shape =
  /^(?:([^/@]*[.:][^/@]*|localhost)\/)?([A-Za-z0-9._/-]+)(?::([A-Za-z0-9_.-]+))?(?:@(sha256:[0-9a-f]{64}))?$/

/** In full, also for names as people write them; a name with neither tag nor digest means `latest`. Undefined for what is none. */
export function parseImageReference(name: string): ImageReference | undefined {
  const [, registry = 'docker.io', path = '', tag, digest] = shape.exec(name) ?? []
  if (!path) return undefined
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path
  const named = tag ?? (digest ? undefined : 'latest')
  return { registry, repository, ...(named ? { tag: named } : {}), ...(digest ? { digest } : {}) }
}

/** The same image has one full name, however people write it; what is no image's name is left as it is. */
export function fullName(name: string): string {
  const { tag, digest } = parseImageReference(name) ?? {}
  return `${repositoryOf(name)}${tag ? `:${tag}` : ''}${digest ? `@${digest}` : ''}`
}

/** The registry and the repository of a full name. */
export function repositoryOf(name: string): string {
  const reference = parseImageReference(name)
  return reference ? `${reference.registry}/${reference.repository}` : name
}

/** Registries that others stand in for: `docker.io` to `host:port/prefix`, with `http://` before it for one without TLS. */
export type Registries = Readonly<Record<string, string>>

/** Where an image is pulled from: its registry or what stands in for it, without tag and digest. */
export function pullAddress(
  { registry, repository }: ImageReference,
  registries: Registries = {},
): { readonly repository: string; readonly isPlain: boolean } {
  const mirror = registries[registry] ?? registry
  const isPlain = mirror.startsWith('http://')
  return { repository: `${mirror.replace(/^https?:\/\//, '').replace(/\/+$/, '')}/${repository}`, isPlain }
}
