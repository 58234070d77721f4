import { machineOf } from '../lib/machine/machine.ts'
import { task } from '../lib/task/task.ts'

/** A VM on the hypervisor with a NIC on each of its LANs, up to the point where SSH answers; or a machine that exists. */
export default task({
  description: 'Create the VM with its NICs, start it, wait for SSH',
  step: 1,
  check: (ctx) => machineOf(ctx.node).check(ctx),
  run: (ctx) => machineOf(ctx.node).create(ctx),
})
