import type { Duplex } from 'node:stream'
import type { Child } from './child.ts'
import type { Connection } from './host.ts'
import { createShell, type Spawn } from './shell.ts'
import { createSshSpawn } from './ssh-command.ts'
import { createSshFiles } from './ssh-files.ts'
import { createSshLinks } from './ssh-links.ts'
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
  const start = createSshSpawn(links, options)
  const running = new Set<Child>()
  const spawn: Spawn = (command) => {
    const child = start(command)
    running.add(child)
    child.once('close', () => running.delete(child))
    return child
  }
  return {
    name,
    bind: (binding) => ({ name, $: createShell(name, spawn, binding), ...createSshFiles(name, spawn, binding) }),
    openStream: links.openStream,
    async close() {
      await Promise.all(
        [...running].map((child) => {
          const closed = new Promise((resolve) => child.once('close', resolve))
          child.kill('SIGTERM')
          return closed
        }),
      )
      links.close()
    },
  }
}
