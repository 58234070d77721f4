import { refused } from '../event/failure.ts'
import { type Check, done, pending, type TaskContext } from '../task/task.ts'
import type { Machine, Node } from '../topology/topology.ts'
import { existingMachine } from './existing.ts'
import { libvirtUri } from './libvirt.ts'
import { virtualMachine } from './virtual-machine.ts'

/** One way to have machines. The node in question is the context's own. */
export type MachineKind = {
  /** Only looks: is the machine there, as the file says, and does it answer? */
  check(ctx: TaskContext): Promise<Check>
  /** Makes it so, from nothing or from half of it, and waits until SSH answers. */
  create(ctx: TaskContext): Promise<void>
  /** Takes away what `create` made; finds anything from nothing to everything. */
  destroy(ctx: TaskContext): Promise<void>
}

/** The machine that runs libvirt: kedge finds it there and never makes it. */
const hypervisor: MachineKind = {
  async check({ hypervisor: host, topology }) {
    const { exitCode, stderr } =
      await host.$`LC_ALL=C virsh -q -c ${libvirtUri(topology.hypervisor.uri)} version`.nothrow()
    return exitCode === 0 ? done : pending(`libvirt does not answer: ${stderr.trim().split('\n').at(-1)}`)
  },
  async create({ topology }) {
    throw refused(`libvirt does not answer at ${topology.hypervisor.uri}`, 'kedge doctor says what is missing')
  },
  async destroy() {},
}

export const machines: Readonly<Record<Machine['kind'], MachineKind>> = {
  vm: virtualMachine,
  existing: existingMachine,
  hypervisor,
}

export const machineOf = (node: Node): MachineKind => machines[node.machine.kind]
