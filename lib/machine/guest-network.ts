import type { TaskContext } from '../task/task.ts'
import type { NodeAddress } from '../topology/topology.ts'
import { hostsFile } from './hosts-file.ts'
import { interfaceName, macAddress } from './names.ts'
import { serviceRoute } from './seed.ts'

/** What `ip` says of the guest's interfaces, by MAC address. */
type GuestInterface = { readonly name: string; readonly addresses: readonly string[] }

/** The addresses of the file that the guest does not have on the NIC where they belong. */
export async function missingAddresses({ host, node, topology }: TaskContext): Promise<readonly NodeAddress[]> {
  const { stdout } = await host.$`ip -o link; ip -o -4 address`.quiet()
  const interfaces = parseInterfaces(stdout)
  return node.networks.filter(({ network, address, prefixLength }) => {
    const found = interfaces.get(macAddress(topology.lab, node.name, network))
    return !found?.addresses.includes(`${address}/${prefixLength}`)
  })
}

/** Lines such as `2: eth0: <…> … link/ether 52:54:… brd …` and `2: eth0    inet 10.0.0.2/24 brd …`. */
function parseInterfaces(output: string): ReadonlyMap<string, GuestInterface> {
  const addresses = new Map<string, string[]>()
  for (const [, name = '', address = ''] of output.matchAll(/^\d+: (\S+)\s+inet (\S+)/gm)) {
    addresses.set(name, [...(addresses.get(name) ?? []), address])
  }
  const interfaces = new Map<string, GuestInterface>()
  for (const [, name = '', mac = ''] of output.matchAll(/^\d+: ([^:@\s]+)(?:@\S+)?: .*link\/ether (\S+)/gm)) {
    interfaces.set(mac, { name, addresses: addresses.get(name) ?? [] })
  }
  return interfaces
}

/**
 * Gives the guest the addresses of NICs that it got while running. This lasts until its next boot, when cloud-init takes
 * the same from the seed. An interface that has another address already is left to the person who gave it.
 */
export async function addAddresses(ctx: TaskContext, missing: readonly NodeAddress[]): Promise<void> {
  const { host, node, topology } = ctx
  for (const { network, address, prefixLength } of missing) {
    const device = await appearing(ctx, macAddress(topology.lab, node.name, network))
    if (!device || device.addresses.length > 0) continue
    const name = interfaceName(network)
    await host.$`
      if command -v nmcli > /dev/null; then nmcli device set ${device.name} managed no || true; fi
      if [ ${device.name} != ${name} ]; then ip link set dev ${device.name} down; ip link set dev ${device.name} name ${name}; fi
      ip address replace ${`${address}/${prefixLength}`} broadcast + dev ${name}
      ip link set dev ${name} up`
    for (const { to, via } of serviceRoute(topology, node, network)) await host.$`ip route replace ${to} via ${via}`
  }
  await addHosts(ctx)
}

/** The guest's kernel takes a moment to find a NIC that was just plugged in. */
async function appearing({ host, sleep }: TaskContext, mac: string): Promise<GuestInterface | undefined> {
  for (let tries = 0; tries < 10; tries++) {
    const found = parseInterfaces((await host.$`ip -o link; ip -o -4 address`.quiet()).stdout).get(mac)
    if (found) return found
    await sleep(1)
  }
  return undefined
}

/** Names of nodes that came into the lab after this one was made; what is there already is kept. */
async function addHosts({ host, node, topology }: TaskContext): Promise<void> {
  const existing = (await host.read('/etc/hosts')) ?? ''
  const known = new Set(
    existing.split('\n').flatMap((line) => line.split('#', 1)[0]?.trim().split(/\s+/).slice(1) ?? []),
  )
  const added = hostsFile(topology, node)
    .split('\n')
    .filter((line) => line !== '' && !known.has(line.split(' ')[1] ?? ''))
  if (added.length > 0) await host.write('/etc/hosts', `${existing.trimEnd()}\n${added.join('\n')}\n`)
}
