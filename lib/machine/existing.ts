import { type FailureKind, TaskError } from '../event/failure.ts'
import { toFailure } from '../host/to-failure.ts'
import { done, pending, type TaskContext } from '../task/task.ts'
import type { MachineKind } from './machine.ts'

/** A machine that is there already: kedge uses it over SSH as root (itself or through sudo) and never makes or removes it. */
export const existingMachine: MachineKind = {
  async check(ctx) {
    const objection = await objectionTo(ctx)
    return objection ? pending(objection.message) : done
  },
  async create(ctx) {
    const objection = await objectionTo(ctx)
    // Whoever runs kedge switches it on, and need not wait for kedge to find that nobody has.
    if (objection) throw new TaskError({ ...objection, isFinal: true })
  },
  async destroy() {},
}

type Objection = { readonly kind: FailureKind; readonly message: string; readonly cure: string }

async function objectionTo({ node, host }: TaskContext): Promise<Objection | undefined> {
  if (node.machine.kind !== 'existing') return undefined
  const { user, host: address, port } = node.machine.ssh
  try {
    const id = (await host.$`id -u`).stdout.trim()
    if (id === '0') return undefined
    return {
      kind: 'refused',
      message: `${node.name}: commands run as user ${id}, not as root`,
      cure: `let ${user} use sudo without a password there, or set ssh.user: root`,
    }
  } catch (error) {
    const { kind, message, cure } = toFailure(error)
    if (kind !== 'unreachable' && kind !== 'untrusted' && kind !== 'refused') throw error
    return {
      kind,
      message: `${node.name} cannot be used: ${message}`,
      cure: cure ?? `kedge does not make this machine: switch it on, and try ssh -p ${port} ${user}@${address}`,
    }
  }
}
