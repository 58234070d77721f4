import { quote } from '../host/quote.ts'
import { overlapsIn, showRoutes } from '../machine/host-routes.ts'
import { libvirtUri } from '../machine/libvirt.ts'
import { bridgeName } from '../machine/names.ts'
import { vmNetworks } from '../machine/networks.ts'
import { madeFor } from '../machine/ownership.ts'
import { find, findAll, parseXml, type XmlElement } from '../machine/xml.ts'
import { overlaps, parseCidr } from '../topology/ipv4.ts'
import type { Area } from './area.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import type { HypervisorView } from './hypervisor-view.ts'

/** The lab's LANs against what the hypervisor reaches already, and against libvirt's other networks, which may not run now. */
export const ranges: Area<HypervisorView> = {
  script({ topology }) {
    const virsh = `timeout 20 virsh -q -c ${quote(libvirtUri(topology.hypervisor.uri))}`
    return `${showRoutes.join(' ')}
for id in $(${virsh} net-list --all --uuid); do ${virsh} net-dumpxml --inactive "$id"; done`
  },

  judge(said, { topology }) {
    const what = 'address ranges'
    const { lab, file } = topology
    const networks = vmNetworks(topology)
    const at = said.indexOf('<network')
    const [routes, definitions] = at < 0 ? [said, ''] : [said.slice(0, at), said.slice(at)]
    const others = parseXml(definitions).filter((each) => each.name === 'network' && !madeFor(lab, each))
    const owners = new Map(others.map((each) => [find(each, ['bridge'])?.attributes.name, nameOf(each)]))
    const own = new Set(topology.networks.map(({ name }) => bridgeName(lab, name)))
    const taken = overlapsIn(routes, networks, own)
    const found: Finding[] = taken.map(({ network, route, device }) => {
      const owner = owners.get(device)
      return fail(
        what,
        `${network.name} (${network.cidr}) overlaps ${route} on ${device}${owner ? `, libvirt’s network ${owner}` : ''}`,
        `give ${network.name} another range in ${file}, or take that route or bridge off the hypervisor`,
      )
    })
    const told = new Set(taken.map(({ network, device }) => `${network.name} ${owners.get(device)}`))
    for (const network of networks)
      for (const other of others) {
        const range = parseCidr(network.cidr)?.range
        const hit = rangesOf(other).find((cidr) => {
          const theirs = parseCidr(cidr)?.range
          return range && theirs && overlaps(range, theirs)
        })
        if (!hit || told.has(`${network.name} ${nameOf(other)}`)) continue
        found.push(
          warn(
            what,
            `${network.name} (${network.cidr}) overlaps libvirt’s network ${nameOf(other)} (${hit}), which is off`,
            `leave it off while this lab runs, or give ${network.name} another range in ${file}`,
          ),
        )
      }
    const list = networks.map(({ cidr }) => cidr).join(', ')
    return found.length > 0 ? found : ok(what, `${list}: free, or the lab’s own`)
  },
}

const nameOf = (definition: XmlElement): string => find(definition, ['name'])?.text ?? ''

/** From `<ip address='192.168.122.1' netmask='255.255.255.0'/>`, or with a prefix. */
function rangesOf(definition: XmlElement): readonly string[] {
  return findAll(definition, ['ip']).flatMap(({ attributes }) => {
    const { address, netmask, prefix, family } = attributes
    if (!address || family === 'ipv6') return []
    const length = prefix ?? (netmask ? lengthOf(netmask) : '32')
    return [`${address}/${length}`]
  })
}

const lengthOf = (netmask: string): string =>
  String(netmask.split('.').reduce((sum, octet) => sum + Number(octet).toString(2).replaceAll('0', '').length, 0))
