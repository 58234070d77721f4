import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Connection } from '../host/host.ts'
import type { HostKeys } from '../host/host-keys.ts'
import { localConnection } from '../host/local.ts'
import { sshConnection } from '../host/ssh.ts'
import type { SshTarget } from '../host/ssh-target.ts'
import { pinned, verifyKnownHosts } from '../host/verify-host-keys.ts'
import { addressOn, managementNetwork } from '../topology/addresses.ts'
import type { Node, Topology } from '../topology/topology.ts'
import { machineKeys } from './machine-keys.ts'

export type Connections = {
  /** The same connection each time; nothing is sent before its first command. */
  to(node: Node): Connection
  close(): Promise<void>
}

/** How a node is reached: address, port, user, key, the way there, and which host key it must show. */
export type Way = {
  readonly target: SshTarget
  readonly hostKeys: HostKeys
}

/** The connections of a lab. `agent` is the socket of an SSH agent, `kedge` makes the keys of VMs itself. */
export function createConnections(topology: Topology, stateFolder: string, agent: string | undefined): Connections {
  const open = new Map<string, Connection>()
  const connect = (node: Node): Connection => {
    const way = wayTo(topology, stateFolder, node)
    if (!way) return localConnection(node.name)
    // On the hypervisor kedge needs libvirt's rights, not root's.
    const sudo = node.machine.kind !== 'hypervisor' && way.target.user !== 'root'
    // A VM that is emulated, on a host with more VMs than cores, may be silent for a while and yet be well.
    return sshConnection({ name: node.name, ...way, sudo, keepaliveSeconds: 45, ...(agent ? { agent } : {}) })
  }
  return {
    to(node) {
      let connection = open.get(node.name)
      if (!connection) {
        connection = connect(node)
        open.set(node.name, connection)
      }
      return connection
    },
    async close() {
      await Promise.all([...open.values()].map((connection) => connection.close()))
      open.clear()
    },
  }
}

/** The way to a node over SSH; undefined for a hypervisor that is this machine. */
export function wayTo(topology: Topology, stateFolder: string, node: Node): Way | undefined {
  const known = verifyKnownHosts([join(homedir(), '.ssh', 'known_hosts'), '/etc/ssh/ssh_known_hosts'])
  const hypervisor = hypervisorTarget(topology.hypervisor.uri)
  switch (node.machine.kind) {
    case 'hypervisor':
      return hypervisor && { target: hypervisor, hostKeys: known }
    case 'existing':
      return { target: node.machine.ssh, hostKeys: known }
    case 'vm': {
      const network = managementNetwork(topology)?.name ?? ''
      const host = addressOn(node, network)
      if (!host) throw new Error(`${node.name} is not on the management network`)
      const keys = machineKeys(stateFolder, node.name)
      return {
        // The management network ends at the hypervisor, so from elsewhere the way leads through it.
        target: {
          host,
          port: 22,
          user: 'root',
          privateKey: keys.user.privateKey,
          ...(hypervisor ? { jump: { ...hypervisor, hostKeys: known } } : {}),
        },
        hostKeys: pinned(keys.host.publicLine),
      }
    }
    default:
      return node.machine satisfies never
  }
}

/** Where `qemu+ssh://user@host:port/system` leads; undefined for a libvirt on this machine. */
export function hypervisorTarget(uri: string): SshTarget | undefined {
  const match = /^\w+\+(?:ssh|libssh2?):\/\/(?:([^@/]+)@)?([^:/?]+)(?::(\d+))?/.exec(uri)
  if (!match) return undefined
  const [, user, host, port] = match
  return { host: host as string, port: Number(port ?? 22), user: user ?? 'root' }
}
