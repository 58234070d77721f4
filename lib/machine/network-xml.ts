import { formatAddress, parseCidr } from '../topology/ipv4.ts'
import type { Network } from '../topology/topology.ts'
import { bridgeName, libvirtName, stableUuid } from './names.ts'
import { ownerMetadata } from './ownership.ts'
import { find, formatXml, type XmlElement, xml } from './xml.ts'

/**
 * An isolated libvirt network: no `<forward>`, so libvirt itself keeps packets from leaving the bridge; no DNS and no DHCP,
 * so no dnsmasq. Only the management network gives the hypervisor an address, the first of the range.
 */
export function networkXml(lab: string, network: Network): string {
  const address = hostAddress(network)
  return formatXml(
    xml('network', {}, [
      xml('name', {}, libvirtName(lab, network.name)),
      xml('uuid', {}, stableUuid(lab, 'network', network.name)),
      ownerMetadata({ lab, network: network.name }),
      // Without spanning tree a new port forwards at once instead of after 30 seconds.
      xml('bridge', { name: bridgeName(lab, network.name), stp: 'off', delay: '0' }),
      xml('dns', { enable: 'no' }),
      ...(address ? [xml('ip', { address: address.address, prefix: address.prefixLength })] : []),
    ]),
  )
}

/** What the hypervisor is given on the network; undefined on all but the management network. */
function hostAddress(network: Network): { readonly address: string; readonly prefixLength: number } | undefined {
  const range = parseCidr(network.cidr)?.range
  if (!range || !network.management) return undefined
  return { address: formatAddress(range.first + 1), prefixLength: range.prefixLength }
}

/** Where an existing definition differs from what the file asks for, in words; empty where it does not. */
export function networkDifferences(lab: string, network: Network, definition: XmlElement): readonly string[] {
  const wanted = hostAddress(network)
  const ip = find(definition, ['ip'])
  const differences: string[] = []
  const differs = (what: string, is: string, instead: string): void => {
    if (is !== instead) differences.push(`${what} is ${is} instead of ${instead}`)
  }
  differs('bridge', find(definition, ['bridge'])?.attributes.name ?? 'none', bridgeName(lab, network.name))
  differs(
    'the host’s address',
    ip ? addressOf(ip) : 'none',
    wanted ? `${wanted.address}/${wanted.prefixLength}` : 'none',
  )
  differs(
    'forwarding',
    find(definition, ['forward'])?.attributes.mode ?? (find(definition, ['forward']) ? 'nat' : 'off'),
    'off',
  )
  differs('DHCP', ip && find(ip, ['dhcp']) ? 'on' : 'off', 'off')
  return differences
}

/** libvirt keeps whichever of prefix and netmask it was given. */
function addressOf({ attributes }: XmlElement): string {
  const mask = attributes.netmask
    ?.split('.')
    .map((octet) => Number(octet).toString(2))
    .join('')
  return `${attributes.address}/${attributes.prefix ?? mask?.replaceAll('0', '').length ?? '?'}`
}
