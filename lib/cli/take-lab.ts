import { type LabLock, lockLab } from '../event/lab-lock.ts'
import { endLeftovers, processMark } from '../host/guard.ts'
import { CliError, exitCodes } from './exit-codes.ts'
import { type Lab, makeStateFolder } from './lab.ts'

/** Takes the lab for `command` until it is released, or says who holds it (exit 6); what killed kedges left running here ends. */
export async function takeLab(lab: Lab, command: string): Promise<Extract<LabLock, { readonly ok: true }>> {
  makeStateFolder(lab)
  const lock = lockLab(lab.stateFolder, command, processMark)
  if (!lock.ok) {
    const { holder } = lock
    const who = holder
      ? `\`${holder.command}\`, process ${holder.pid} on ${holder.host}, since ${holder.since}`
      : 'another kedge'
    throw new CliError(exitCodes.labHeld, `lab ${lab.topology.lab} is held by ${who}`)
  }
  await endLeftovers(lock.marksOfKilled)
  return lock
}
