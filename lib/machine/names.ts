import { createHash } from 'node:crypto'

/*
 * What kedge calls its things on the hypervisor and in the guest. All of it follows from the file alone, so that a run
 * that lost its state folder still finds what an earlier one made.
 */

const hash = (...parts: readonly string[]): string => createHash('sha256').update(parts.join('\0')).digest('hex')

/** libvirt's name of a node's domain or of a network: `<lab>-<name>`. */
export const libvirtName = (lab: string, name: string): string => `${lab}-${name}`

/** The kernel allows 15 characters for an interface: `kedge` and ten hexadecimal digits. */
export const bridgeName = (lab: string, network: string): string => `kedge${hash('bridge', lab, network).slice(0, 10)}`

/**
 * QEMU's prefix 52:54 has the locally administered bit set; the other four bytes are a hash. Three, as QEMU itself
 * uses, would be likely to clash on a management network of some thousand nodes.
 */
export const macAddress = (lab: string, node: string, network: string): string =>
  `52:54:${hash('mac', lab, node, network).slice(0, 8).match(/../g)?.join(':')}`

/** A UUID of version 8 (custom), for a domain (`kind` = `node`) or a network. */
export function stableUuid(lab: string, kind: 'node' | 'network', name: string): string {
  const digits = hash('uuid', lab, kind, name)
  const variant = ((Number.parseInt(digits.slice(16, 17), 16) & 0x3) | 0x8).toString(16)
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join('-')
}

/** The interface inside the guest: `lan-<network>`, which no kernel or runtime uses, shortened by a hash beyond 15 characters. */
export function interfaceName(network: string): string {
  const name = `lan-${network}`
  return name.length <= 15 ? name : `lan-${network.slice(0, 4)}-${hash('interface', network).slice(0, 6)}`
}
