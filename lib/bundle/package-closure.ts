import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { TaskError } from '../event/failure.ts'
import type { Shell } from '../host/host.ts'
import { type AptSources, serversOf } from './apt-sources.ts'
import { proxyFor } from './proxy.ts'
import type { Web } from './web.ts'

/** A package that has to be there, and where it is to be had. */
export type PackageFile = {
  readonly url: string
  /** `runc_1.1.5+ds1-1_amd64.deb` */
  readonly name: string
  readonly sizeBytes: number
  /** From the signed index of the archive. */
  readonly sha256: string
}

/** The system that packages are for. */
export type Target = {
  readonly statusFile: string
  readonly architecture: string
  readonly sources: readonly AptSources[]
  /** Of keys that vouch for sources which name none. */
  readonly trustedFolder: string
}

/**
 * What apt would fetch to install `packages` on the target: what it has stays, and this machine's own packages, sources and
 * settings have no say. `folder` is apt's, and made anew. Throws a TaskError: `unreachable`, or `bundle` where the archives have
 * no such package or are not signed by whom they should be.
 */
export async function packageClosure(
  packages: readonly string[],
  target: Target,
  { folder, web, $ }: { readonly folder: string; readonly web: Web; readonly $: Shell },
): Promise<readonly PackageFile[]> {
  const config = writeSettings(folder, target, web)
  const update = await $`APT_CONFIG=${config} LC_ALL=C apt-get -q update`.nothrow()
  if (update.exitCode !== 0) throw aptError('the lists of packages', `${update.stdout}\n${update.stderr}`)
  const plan =
    await $`APT_CONFIG=${config} LC_ALL=C apt-get -q --yes --no-install-recommends --no-upgrade --no-remove --print-uris install ${packages}`.nothrow()
  if (plan.exitCode !== 0) throw aptError(packages.join(', '), plan.stderr)
  return plan.stdout.split('\n').flatMap((line) => {
    const [, url, name, size, sha256] = /^'(https?:\/\/[^']+)' ([^/\s]+) (\d+) SHA256:([0-9a-f]{64})$/.exec(line) ?? []
    if (line.startsWith("'") && !sha256) throw aptError(line, 'E: the archive gives no sha256')
    return url && name && sha256 ? [{ url, name, sizeBytes: Number(size), sha256 }] : []
  })
}

/** The one file that apt reads. Its folders take the place of /etc/apt and /var: the image's own settings could run programs. */
function writeSettings(folder: string, { statusFile, architecture, sources, trustedFolder }: Target, web: Web): string {
  rmSync(folder, { recursive: true, force: true })
  for (const name of ['sources', 'lists/partial', 'cache/archives/partial', 'none'])
    mkdirSync(join(folder, name), { recursive: true })
  for (const { name, text } of sources) writeFileSync(join(folder, 'sources', name), `${text}\n`)
  const authorities = join(folder, 'authorities.pem')
  if (web.ca) writeFileSync(authorities, [...rootCertificates, web.ca].join('\n'))
  const none = join(folder, 'none')
  const config = join(folder, 'apt.conf')
  const settings: Readonly<Record<string, string>> = {
    'Dir::Etc::main': '/dev/null',
    'Dir::Etc::parts': none,
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': join(folder, 'sources'),
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': none,
    'Dir::Etc::netrc': '/dev/null',
    'Dir::Etc::netrcparts': none,
    'Dir::Etc::trusted': '/dev/null',
    'Dir::Etc::trustedparts': trustedFolder,
    'Dir::State': folder,
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': statusFile,
    'Dir::State::extended_states': join(folder, 'extended_states'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Log': none,
    'APT::Architecture': architecture,
    'APT::Sandbox::User': 'root',
    'APT::Update::Error-Mode': 'any',
    'Acquire::ForceHash': 'sha256',
    'Acquire::Languages': 'none',
    'Acquire::Retries': String(Math.max(0, web.attempts - 1)),
    ...Object.fromEntries(serversOf(sources).flatMap((server) => serverSettings(server, web, authorities))),
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";`)
  writeFileSync(
    config,
    [...lines, '#clear APT::Architectures;', `APT::Architectures { "${architecture}"; };\n`].join('\n'),
  )
  return config
}

function serverSettings(server: string, web: Web, authorities: string): readonly (readonly [string, string])[] {
  const { protocol, hostname } = new URL(server)
  const scheme = protocol.slice(0, -1)
  return [
    [`Acquire::${scheme}::Proxy::${hostname}`, proxyFor(server, web.env) ?? 'DIRECT'],
    [`Acquire::${scheme}::Timeout`, String(Math.ceil(web.stallSeconds))],
    ...(web.ca && scheme === 'https' ? [['Acquire::https::CAInfo', authorities] as const] : []),
  ]
}

const unsigned = /NO_PUBKEY|not signed|EXPKEYSIG|BADSIG|Hash Sum mismatch|no longer has a Release|Clearsigned/

function aptError(what: string, said: string): TaskError {
  const lines = said.split('\n').flatMap((line) => /^(?:E|Err:\d+|W): ?(.*)/.exec(line)?.[1]?.trim() || [])
  // What is broken stands before the last word, which is that something is.
  const unmet = /^ \S.* : (?:Depends|Breaks|Conflicts|PreDepends).*$/m.exec(said)?.[0].trim()
  const why = [...new Set([...(unmet ? [unmet] : []), ...lines])].join('; ').slice(0, 800) || said.trim().slice(-300)
  const isAway = /Failed to fetch|Could not|Unable to connect|Temporary failure|Certificate/i.test(why)
  return new TaskError({
    kind: isAway && !unsigned.test(why) ? 'unreachable' : 'bundle',
    message: `${what}: apt-get: ${why}`,
    ...(/certificate/i.test(why) ? { cure: 'give its authority with --ca FILE' } : {}),
  })
}
