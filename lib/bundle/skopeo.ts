import { TaskError } from '../event/failure.ts'
import type { Shell } from '../host/host.ts'
import type { Registries } from './image-reference.ts'
import type { Web } from './web.ts'

/** What images are pulled with. */
export type Puller = {
  /** Commands of this machine. */
  readonly $: Shell
  readonly web: Web
  readonly registries: Registries
  /** A folder that holds a further authority as `*.crt`. */
  readonly caFolder?: string
  readonly signal: AbortSignal
}

/** What waiting does not change: the registry answered, and has no such image or wants a login, or nothing trusts it. */
const final =
  /unknown|not found|no such host|unauthorized|denied|forbidden|invalid|x509|certificate|HTTP response to HTTPS/i

/** Runs skopeo and returns what it printed. Throws a TaskError of kind `unreachable` with skopeo's own last words. */
export async function skopeo({ $ }: Puller, image: string, words: readonly string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await $`skopeo ${words}`.nothrow()
  if (exitCode === 0) return stdout
  if (exitCode === 127) throw missing()
  const last = stderr.trim().split('\n').at(-1) ?? ''
  const said = (/msg="((?:[^"\\]|\\.)*)"/.exec(last)?.[1] ?? last).replaceAll('\\"', '"')
  if (/no space left on device/.test(said))
    throw new TaskError({ kind: 'refused', message: `${image}: no space is left on the disk: ${said}` })
  // Its own account of where it was looked for says more than the name.
  const shape = /^Error parsing image name "docker:\/\/([^"]+)": (.*)$/s.exec(said)
  throw new TaskError({
    kind: 'unreachable',
    message: (shape ? `${shape[1]}: ${shape[2]}` : `${image}: skopeo: ${said}`).slice(0, 500),
    ...(final.test(said) ? { isFinal: true } : {}),
    ...(/x509|certificate/.test(said) ? { cure: 'give its authority with --ca FILE' } : {}),
    ...(/unauthorized|denied/.test(said) ? { cure: 'log in with: skopeo login REGISTRY' } : {}),
  })
}

const missing = () =>
  new TaskError({
    kind: 'refused',
    message: 'container images are pulled with skopeo, and there is none here',
    cure: 'install the package skopeo, or give the images as docker-archives with --from DIR',
  })
