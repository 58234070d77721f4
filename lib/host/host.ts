import type { Duplex } from 'node:stream'
import type { Shell } from 'zx'
import type { Looks } from './looks.ts'
import type { Secret } from './secret.ts'

export type { Shell }

/**
 * An open way to one machine. Deliberately narrow: vocabulary such as "install a package" lives in plain functions that
 * take a Host, so that a new way of reaching machines costs four members and a fake costs as little.
 */
export type Host = {
  /** The node's name, or `hypervisor`. */
  readonly name: string
  /** zx's own `$`: commands run on this host as bash with pipefail runs them, as root on nodes. */
  readonly $: Shell
  /** The whole file as text, or undefined where there is none. */
  read(path: string): Promise<string | undefined>
  /**
   * Whole or not at all: written aside, flushed, renamed; folders are made. `mode` is by default 0o644, for a secret
   * 0o600, in folders of 0o700 where they are made for it.
   */
  write(path: string, content: string | Uint8Array | Secret, options?: { readonly mode?: number }): Promise<void>
  /** Copies a local file, or a part of it, there, streamed; where `sha256` is given it is checked at the far end before the rename. */
  put(localPath: string, path: string, options?: PutOptions): Promise<void>
}

export type PutOptions = {
  readonly mode?: number
  /** The part of the local file to copy; all of it by default. */
  readonly range?: { readonly offset: number; readonly sizeBytes: number }
  /** Lower-case hex. */
  readonly sha256?: string
  /**
   * What has arrived of a file with `sha256` stays beside it when the copy is cut off, and the next such copy goes on from
   * there. A machine that is reached without a network starts anew.
   */
  readonly resumable?: boolean
  /** Called with bytes sent so far, those of an earlier copy included, and in all. */
  readonly onProgress?: (sentBytes: number, totalBytes: number) => void
}

/** What one user of a host hands in when it takes its own view of a connection. */
export type HostBinding = {
  /** Ends running commands, with their children, when it fires. */
  readonly signal: AbortSignal
  /** Told each command as it starts and each line that it prints; secrets are masked already. */
  readonly onOutput: (stream: 'command' | 'stdout' | 'stderr', line: string) => void
  /** Folder of relative paths, and variables for every command. */
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Shares the answers of commands that only look with who asked the same. */
  readonly looks?: Looks
}

/** A connection (or this machine's shell) that instances share, each through a Host of its own. */
export type Connection = {
  readonly name: string
  bind(binding: HostBinding): Host
  /** Listens there on a port of 127.0.0.1 that is free, for who runs kedge; only machines over SSH can. */
  listen?(onStream: OnStream): Promise<Listening>
  /** Ends what still runs and lets the connection go. */
  close(): Promise<void>
}

/** A connection that was made to the port, and the port that it came from. */
export type OnStream = (stream: Duplex, fromPort: number) => void

export type Listening = { readonly port: number; close(): void }
