import { checkNetworks, createNetworks } from '../lib/machine/networks.ts'
import { task } from '../lib/task/task.ts'

/** Isolated LANs, one for each network of the file that a VM is on; the management network alone has the hypervisor in it. */
export default task({
  description: 'Create the LANs',
  step: 2,
  check: ({ hypervisor, topology }) => checkNetworks(hypervisor, topology),
  run: ({ hypervisor, topology }) => createNetworks(hypervisor, topology),
})
