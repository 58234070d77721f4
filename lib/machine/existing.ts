import { refused } from '../event/failure.ts'
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
    if (objection) throw refused(objection.message, objection.cure)
  },
  async destroy() {},
}

type Objection = { readonly message: string; readonly cure: string }

async function objectionTo({ node, host }: TaskContext): Promise<Objection | undefined> {
  if (node.machine.kind !== 'existing') return undefined
  const { user, host: address, port } = node.machine.ssh
  try {
    const id = (await host.$`id -u`).stdout.trim()
    if (id === '0') return undefined
    return {
      message: `${node.name}: commands run as user ${id}, not as root`,
      cure: `let ${user} use sudo without a password there, or set ssh.user: root`,
    }
  } catch (error) {
    const failure = toFailure(error)
    if (failure.kind !== 'unreachable' && failure.kind !== 'refused') throw error
    return {
      message: `${node.name} cannot be used: ${failure.message}`,
      cure: failure.cure ?? `kedge does not make this machine: switch it on, and try ssh -p ${port} ${user}@${address}`,
    }
  }
}
