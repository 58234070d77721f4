import { refused } from '../event/failure.ts'
import { linesOf } from '../host/lines-of.ts'
import { type Check, doneIf, type TaskContext } from '../task/task.ts'
import { formatAddress, parseCidr } from '../topology/ipv4.ts'
import { marksOf } from './attempt.ts'

/** Every K3s that has run left this behind; merely asking the program for its version does not. */
export const foreignSign = '/var/lib/rancher/k3s/agent'

type Obstacle = { readonly what: string; readonly cure: string }

/** What is on the machine already and K3s cannot be beside, or is not there and K3s cannot be without. */
async function obstacles({ $, node, topology }: TaskContext): Promise<readonly Obstacle[]> {
  const { serviceCidr } = topology.kubernetes
  const range = parseCidr(serviceCidr)?.range
  const service = range ? formatAddress(range.first + 1) : serviceCidr
  const found = linesOf(
    await $`if [ -e /etc/kubernetes/kubelet.conf ] || systemctl is-active --quiet kubelet; then echo kubelet; fi
if [ -e ${foreignSign} ] && [ ! -e ${marksOf('k3s').begun} ]; then echo foreign; fi
if systemctl is-active --quiet edgecore; then echo edgecore; fi
if ! ip -4 route get ${service} >/dev/null 2>&1; then echo route; fi`,
  )
  const known: Readonly<Record<string, Obstacle>> = {
    kubelet: {
      what: `${node.name} has a kubelet of its own already, as kubeadm sets it up, and K3s brings another`,
      cure: `on ${node.name}: kubeadm reset, then systemctl disable --now kubelet`,
    },
    foreign: {
      what: `${node.name} is part of a K3s cluster that kedge did not make (${foreignSign})`,
      cure: `on ${node.name}: k3s-uninstall.sh or k3s-agent-uninstall.sh, or take the node out of the file`,
    },
    edgecore: {
      what: `${node.name} runs edgecore, which cannot share a machine with K3s`,
      cure: `on ${node.name}: keadm reset edge; or make the node an edge in the file`,
    },
    route: {
      what: `${node.name} has no route to Service addresses (${serviceCidr})`,
      cure: `give it a default route, or on its cloud LAN: ip route add ${serviceCidr} via <any neighbour>`,
    },
  }
  return found.flatMap((name) => known[name] ?? [])
}

export async function checkNeighbours(ctx: TaskContext): Promise<Check> {
  const [first] = await obstacles(ctx)
  return doneIf(!first, first?.what ?? '')
}

/** Before anything is touched. An edge is refused whatever runs there: its place is for edgecore. */
export async function refuseNeighbours(ctx: TaskContext): Promise<void> {
  if (ctx.node.role === 'edge') throw refused(`${ctx.node.name} is an edge: K3s and edgecore cannot share a machine`)
  const [first] = await obstacles(ctx)
  if (first) throw refused(first.what, first.cure)
}
