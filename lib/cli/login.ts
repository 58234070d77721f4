import { join } from 'node:path'
import { openSsh } from '../host/open-ssh.ts'
import { wayTo } from '../machine/connections.ts'
import { machineKeys } from '../machine/machine-keys.ts'
import type { Node } from '../topology/topology.ts'
import type { Terminal } from './command.ts'
import { type Lab, makeStateFolder } from './lab.ts'

/** A shell on a node, or a command there, on this terminal; with the host key that kedge pinned. */
export function login(terminal: Terminal, lab: Lab, node: Node, command: readonly string[]): Promise<number> {
  makeStateFolder(lab)
  const { topology, stateFolder } = lab
  const way = wayTo(topology, stateFolder, node)
  if (!way) throw new Error(`${node.name} is not reached over SSH`)
  const isVm = node.machine.kind === 'vm'
  return openSsh(
    {
      target: way.target,
      ...(isVm
        ? {
            keyFile: join(stateFolder, 'keys', 'lab'),
            pinned: {
              file: join(stateFolder, 'keys', `${node.name}.known_hosts`),
              hostKeyLine: machineKeys(stateFolder, node.name).host.publicLine,
            },
          }
        : {}),
    },
    command,
    terminal.env,
  )
}
