import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { archiveNames } from '../bundle/apt-sources.ts'
import { checksumOf } from '../bundle/checksum.ts'
import type { Creation } from '../bundle/create-bundle.ts'
import type { Registries } from '../bundle/image-reference.ts'
import { bases, type Mirrors, sourceOf } from '../bundle/sources.ts'
import { defaultWeb, type Web } from '../bundle/web.ts'
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

/** Throws a CliError for what is no address, no name of a source, or a file that cannot be read. */
export function sourcesOf(
  terminal: Terminal,
  options: SourceOptions,
): Pick<Creation, 'mirrors' | 'registries' | 'web' | 'pins'> {
  return {
    mirrors: mirrorsOf(options.mirror ?? []),
    registries: registriesOf(options.registry ?? []),
    web: webOf(terminal, options),
    pins: pinsOf(terminal, options),
  }
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

function webOf(terminal: Terminal, { ca, stall }: SourceOptions): Web {
  const stallSeconds = Number(stall ?? defaultWeb.stallSeconds)
  if (!(stallSeconds > 0 && stallSeconds <= 3600)) throw usage(`--stall ${stall}: a number of seconds, up to 3600`)
  return {
    ...defaultWeb,
    stallSeconds,
    env: terminal.env,
    ...(ca === undefined ? {} : { ca: authorityOf(terminal, ca) }),
  }
}

function authorityOf(terminal: Terminal, file: string): string {
  const text = textOf(terminal, '--ca', file)
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw usage(`--ca ${file}: there is no certificate in PEM in it`)
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
