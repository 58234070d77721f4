import { checkNetworks, createNetworks } from '../lib/machine/networks.ts'
import { task } from '../lib/task/task.ts'

/** Isolated LANs, one for each network of the file that a VM is on; the management network alone has the hypervisor in it. */
export default task({
  description: 'Create the LANs',
  checks:
    "every LAN that a VM is on is defined in libvirt, is kedge's own and as in the file, runs, and starts by itself",
  changes: 'defines and starts the LANs that are missing; one that exists is never redefined',
  step: 2,
  check: ({ hypervisor, topology }) => checkNetworks(hypervisor, topology),
  run: ({ hypervisor, topology }) => createNetworks(hypervisor, topology),
})
