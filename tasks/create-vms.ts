import { machineOf } from '../lib/machine/machine.ts'
import { task } from '../lib/task/task.ts'

/** A VM on the hypervisor with a NIC on each of its LANs, up to the point where SSH answers; or a machine that exists. */
export default task({
  description: 'Create the VM with its NICs, start it, wait for SSH',
  checks:
    "the VM is defined, is kedge's own and as in the file, has its disk and a NIC on each of its LANs, runs, and answers over SSH with its addresses; a machine that exists already only has to answer",
  changes:
    "makes the disk over the bundle's image, defines and starts the VM, plugs in NICs that are missing; nothing on a machine that exists already",
  step: 1,
  check: (ctx) => machineOf(ctx.node).check(ctx),
  run: (ctx) => machineOf(ctx.node).create(ctx),
})
