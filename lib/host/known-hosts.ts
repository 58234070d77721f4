import { createHmac } from 'node:crypto'
import { keyTypeOf } from './keys.ts'

export type KnownKey = {
  readonly type: string
  readonly blob: Buffer
  readonly line: number
  readonly revoked: boolean
}

export type KnownHosts = {
  /** Every key on record for the host, revoked ones included, in the order of the file. */
  find(host: string, port: number): readonly KnownKey[]
}

type Entry = KnownKey & { readonly patterns: string }

/**
 * A known_hosts file: plain and hashed names, `[host]:port`, wildcards, negation and `@revoked`. Authorities are passed over, since
 * certificates are not spoken here; so is every line that makes no sense, as ssh does.
 */
export function knownHosts(text: string): KnownHosts {
  const entries = text.split('\n').flatMap((line, index) => parseLine(line, index + 1))
  const named = (name: string) => entries.filter((entry) => matchesAny(entry.patterns, name))
  return {
    find(host, port) {
      const name = host.toLowerCase()
      if (port === 22) return named(name)
      const exact = named(`[${name}]:${port}`)
      // ssh, too, takes a key known for the host's name on any port.
      return exact.length > 0 ? exact : named(name)
    },
  }
}

/** The name under which a line of the file lists a host. */
export const knownHostsName = (host: string, port: number): string =>
  port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`

function parseLine(text: string, line: number): Entry[] {
  const fields = text.trim().split(/\s+/)
  const marker = fields[0]?.startsWith('@') ? fields.shift() : undefined
  const [patterns = '', type = '', base64 = ''] = fields
  if (patterns === '' || patterns.startsWith('#') || (marker !== undefined && marker !== '@revoked')) return []
  const blob = Buffer.from(base64, 'base64')
  return keyTypeOf(blob) === type && type !== '' ? [{ patterns, type, blob, line, revoked: marker === '@revoked' }] : []
}

function matchesAny(patterns: string, name: string): boolean {
  if (patterns.startsWith('|')) return matchesHash(patterns, name)
  const list = patterns.toLowerCase().split(',')
  const isMatch = (pattern: string) => globToRegExp(pattern).test(name)
  const isRefused = list.some((pattern) => pattern.startsWith('!') && isMatch(pattern.slice(1)))
  return !isRefused && list.some((pattern) => !pattern.startsWith('!') && isMatch(pattern))
}

function matchesHash(hashed: string, name: string): boolean {
  const [, version, salt = '', expected = ''] = hashed.split('|')
  if (version !== '1') return false
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === expected
}

const globToRegExp = (pattern: string) =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  )
