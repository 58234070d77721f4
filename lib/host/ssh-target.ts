import type { HostKeys } from './host-keys.ts'

/** How to reach a machine over SSH; the topology's own SshTarget fits as it is. */
export type SshTarget = {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Path of a private key on this machine; `~/` is understood. Without one the agent is asked, then the usual files. */
  readonly key?: string
  /** The private key's text, for keys that are no file. */
  readonly privateKey?: string
  /** Taken first; may have a jump of its own. */
  readonly jump?: SshTarget
  /** For this hop alone, instead of the connection's. */
  readonly hostKeys?: HostKeys
}

export type SshOptions = {
  /** The node's name. */
  readonly name: string
  readonly target: SshTarget
  readonly hostKeys: HostKeys
  /** Path of an agent's socket. */
  readonly agent?: string
  /** Run commands as root through `sudo -n`; for users that are not root. */
  readonly sudo?: boolean
  /** For each hop: connection, key exchange and login together. 20 by default. */
  readonly connectTimeoutSeconds?: number
  /** After so long without an answer a link counts as lost. 15 by default. */
  readonly keepaliveSeconds?: number
}

export const addressOf = (target: SshTarget): string =>
  `${target.user}@${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`
