import { activeFirewalls } from '../lib/firewall/firewall.ts'
import { portName, requiredPorts } from '../lib/kubeedge/ports.ts'
import { doneIf, firstPending, task } from '../lib/task/task.ts'

/** Edges come in on CloudHub's ports; a firewall that drops them makes every join time out without a word. */
export default task({
  description: 'Open the ports that edges and the cluster need, now and at every boot',
  checks: 'a firewall that is active (ufw, firewalld) lets through what edges and the cluster need',
  changes: 'opens those ports in it, now and at every boot; a firewall that is off stays off',
  step: 2,

  async check(ctx) {
    const firewalls = await activeFirewalls(ctx)
    return firstPending(
      ...firewalls.map((firewall) => async () => {
        const closed = await firewall.closed(ctx, requiredPorts(ctx.node, ctx.topology.kubeedge.protocol))
        return doneIf(closed.length === 0, `${firewall.name} keeps ${closed.map(portName).join(', ')} closed`)
      }),
    )
  },

  async run(ctx) {
    const ports = requiredPorts(ctx.node, ctx.topology.kubeedge.protocol)
    for (const firewall of await activeFirewalls(ctx)) {
      if ((await firewall.closed(ctx, ports)).length > 0) await firewall.open(ctx, ports)
    }
  },
})
