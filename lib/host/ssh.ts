import type { Duplex } from 'node:stream'
import type { Connection } from './host.ts'
import { trackRunning } from './running.ts'
import { createShell } from './shell.ts'
import { createSshSpawn } from './ssh-command.ts'
import { createSshFiles } from './ssh-files.ts'
import { createSshLinks } from './ssh-links.ts'
import { listenOverSsh } from './ssh-listen.ts'
import type { SshOptions } from './ssh-target.ts'

export type SshConnection = Connection & {
  /** A stream to an address as the machine itself reaches it. */
  openStream(host: string, port: number): Promise<Duplex>
}

/**
 * A machine over SSH: connected at first use, shared by all commands, and connected anew by the next command after it was lost. A
 * command whose link is lost fails as `unreachable`.
 */
export function sshConnection(options: SshOptions): SshConnection {
  const { name } = options
  const links = createSshLinks(options.target, options)
  const { spawn, endAll } = trackRunning(createSshSpawn(links, options))
  return {
    name,
    bind: (binding) => ({ name, $: createShell(name, spawn, binding), ...createSshFiles(name, spawn, binding) }),
    openStream: links.openStream,
    listen: (onStream) => listenOverSsh(options, onStream),
    async close() {
      await endAll()
      links.close()
    },
  }
}
