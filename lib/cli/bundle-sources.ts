import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, resolve } from 'node:path'
import { archiveNames } from '../bundle/apt-sources.ts'
import { checksumOf } from '../bundle/checksum.ts'
import type { Creation } from '../bundle/create-bundle.ts'
import type { Registries } from '../bundle/image-reference.ts'
import { bases, type Mirrors, sourceOf } from '../bundle/sources.ts'
import { defaultWeb, type Web } from '../bundle/web.ts'
import type { Topology } from '../topology/topology.ts'
import type { Terminal } from './command.ts'
import { CliError, exitCodes } from './exit-codes.ts'
import { mustKnow } from './lab.ts'

/** The options of `bundle create` that say where pieces come from. */
export type SourceOptions = {
  readonly mirror?: readonly string[]
  readonly registry?: readonly string[]
  readonly ca?: string
  readonly sums?: string
  readonly stall?: string
}

const usage = (message: string) => new CliError(exitCodes.usage, message)

/**
 * What the options say, and the lab file where they say nothing. Throws a CliError for what is no address, no name of a
 * source, or a file that cannot be read.
 */
export function sourcesOf(
  terminal: Terminal,
  options: SourceOptions,
  topology: Topology,
): Pick<Creation, 'mirrors' | 'registries' | 'web' | 'pins'> {
  const written = topology.mirrors
  return {
    mirrors: { ...written?.sources, ...mirrorsOf(options.mirror ?? []) },
    registries: { ...written?.registries, ...registriesOf(options.registry ?? []) },
    web: webOf(terminal, options, topology),
    pins: pinsOf(terminal, options),
  }
}

/** The variables that have programs go through the lab file's proxy; none where there is none, or the environment names one. */
export function proxyVariables({ env }: Terminal, { mirrors }: Topology): Readonly<Record<string, string>> {
  const isNamed = ['http_proxy', 'https_proxy', 'all_proxy'].some((name) => env[name] || env[name.toUpperCase()])
  return mirrors?.proxy === undefined || isNamed ? {} : { http_proxy: mirrors.proxy, https_proxy: mirrors.proxy }
}

function mirrorsOf(given: readonly string[]): Mirrors {
  const pairs = given.map((text) => pairOf('--mirror', text, 'NAME=URL'))
  mustKnow(
    'source',
    pairs.map(([name]) => name),
    [...Object.keys(bases), ...archiveNames],
  )
  for (const [name, address] of pairs) {
    const url = URL.parse(address)
    if (!url || !['http:', 'https:'].includes(url.protocol))
      throw usage(`--mirror ${name}: ${address} is no http:// or https:// address`)
    // It stands in the bundle's manifest and in every message.
    if (url.username || url.password) throw usage(`--mirror ${name}: an address with a password in it cannot be used`)
  }
  return Object.fromEntries(pairs)
}

function registriesOf(given: readonly string[]): Registries {
  const pairs = given.map((text) => pairOf('--registry', text, 'REGISTRY=HOST[:PORT][/PREFIX]'))
  for (const [name, address] of pairs)
    if (!/^(https?:\/\/)?[A-Za-z0-9.-]+(:\d+)?(\/[a-z0-9._/-]*)?$/.test(address))
      throw usage(`--registry ${name}: ${address} is no registry`)
  return Object.fromEntries(pairs)
}

function pairOf(option: string, text: string, shape: string): readonly [string, string] {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1) throw usage(`${option} ${text}: write it as ${shape}`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function webOf(terminal: Terminal, { ca, stall }: SourceOptions, topology: Topology): Web {
  const stallSeconds = Number(stall ?? defaultWeb.stallSeconds)
  if (!(stallSeconds > 0 && stallSeconds <= 3600)) throw usage(`--stall ${stall}: a number of seconds, up to 3600`)
  const authority = authorityOf(terminal, ca, topology)
  return {
    ...defaultWeb,
    stallSeconds,
    env: { ...terminal.env, ...proxyVariables(terminal, topology) },
    ...(authority === undefined ? {} : { ca: authority }),
  }
}

function authorityOf(terminal: Terminal, given: string | undefined, { mirrors }: Topology): string | undefined {
  const file = given ?? mirrors?.ca?.replace(/^~(?=\/)/, homedir())
  if (file === undefined) return undefined
  const name = given === undefined ? '`ca` of `mirrors`:' : '--ca'
  const text = textOf(terminal, name, file)
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw usage(`${name} ${file}: there is no certificate in PEM in it`)
}

/** Lines as of sha256sum, for upstream's file names, or for a piece's name and `-amd64` or `-arm64`. */
function pinsOf(terminal: Terminal, { sums }: SourceOptions): Creation['pins'] {
  if (sums === undefined) return () => undefined
  const text = textOf(terminal, '--sums', sums)
  return (wanted) => {
    const url = sourceOf(wanted)?.url
    return (
      checksumOf(`${wanted.name}-${wanted.architecture}`, text) ?? (url ? checksumOf(basename(url), text) : undefined)
    )
  }
}

function textOf(terminal: Terminal, option: string, file: string): string {
  try {
    return readFileSync(resolve(terminal.cwd, file), 'utf8')
  } catch (error) {
    throw usage(`${option} ${file}: ${(error as Error).message}`)
  }
}
