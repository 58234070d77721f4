import { readFileSync } from 'node:fs'
import type { HostKeys, HostKeyVerdict } from './host-keys.ts'
import { fingerprint, keyTypeOf, parsePublicLine } from './keys.ts'
import { type KnownKey, knownHosts, knownHostsName } from './known-hosts.ts'
import { quote } from './quote.ts'

/**
 * Existing machines: the key must stand in one of these known_hosts files (absolute paths; a missing file is empty). There is no trust
 * on first use. The first path is the one that the refusal tells the user to add to.
 */
export function verifyKnownHosts(paths: readonly string[]): HostKeys {
  const find = (host: string, port: number) =>
    paths.flatMap((path) =>
      knownHosts(textOf(path))
        .find(host, port)
        .map((key) => ({ ...key, path })),
    )
  return {
    verify(host, port, key) {
      const known = find(host, port)
      const same = known.filter((each) => each.blob.equals(key))
      const revoked = same.find((each) => each.revoked)
      const trusted = known.filter((each) => !each.revoked)
      if (revoked) return refuseRevoked(host, port, key, revoked)
      if (same.length > 0) return { accepted: true }
      const changed = trusted.find((each) => each.type === keyTypeOf(key)) ?? trusted[0]
      return changed ? refuseChanged(host, port, key, changed) : refuseUnknown(host, port, key, paths[0])
    },
    keyTypes(host, port) {
      const types = find(host, port).flatMap((each) => (each.revoked ? [] : [each.type]))
      return types.length > 0 ? [...new Set(types)] : undefined
    },
  }
}

/** A machine whose host key kedge made: exactly that key (`ssh-ed25519 AAAA…`), under whatever address. */
export function pinned(hostKeyLine: string): HostKeys {
  const { type, blob } = parsePublicLine(hostKeyLine)
  return {
    verify: (host, port, key) =>
      key.equals(blob)
        ? { accepted: true }
        : {
            accepted: false,
            message: `${knownHostsName(host, port)} shows the host key ${describe(key)}, not the one that kedge gave this machine (${fingerprint(blob)})`,
            cure: 'Something else answers at this address, or the machine was set up anew; nothing was sent to it',
          },
    keyTypes: () => [type],
  }
}

type Found = KnownKey & { readonly path: string }

const describe = (key: Buffer) => `${keyTypeOf(key)} ${fingerprint(key)}`

// The key itself rather than ssh-keyscan, which would ask the network a second time and cannot look behind a jump host.
function refuseUnknown(host: string, port: number, key: Buffer, path = '~/.ssh/known_hosts'): HostKeyVerdict {
  const type = keyTypeOf(key)
  const line = `${knownHostsName(host, port)} ${type} ${key.toString('base64')}`
  return {
    accepted: false,
    message: `The host key of ${knownHostsName(host, port)} is not known: ${describe(key)}`,
    cure: `Compare the fingerprint with what the machine itself says (ssh-keygen -lf /etc/ssh/ssh_host_${type.replace(/^ssh-|-.*$/g, '')}_key.pub), then accept it: echo ${quote(line)} >> ${quote(path)}`,
  }
}

function refuseChanged(host: string, port: number, key: Buffer, known: Found): HostKeyVerdict {
  const name = knownHostsName(host, port)
  return {
    accepted: false,
    message: `The host key of ${name} has changed: it shows ${describe(key)}, but ${known.path}, line ${known.line}, says ${describe(known.blob)}`,
    cure: `If the machine was set up anew, forget the old key: ssh-keygen -f ${quote(known.path)} -R ${quote(name)}; if not, somebody else answers in its place`,
  }
}

function refuseRevoked(host: string, port: number, key: Buffer, known: Found): HostKeyVerdict {
  return {
    accepted: false,
    message: `The host key of ${knownHostsName(host, port)} is revoked: ${describe(key)} (${known.path}, line ${known.line})`,
    cure: 'Give the machine a new host key',
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
