import { bundleSerial } from './domain-xml.ts'
import type { Virsh } from './libvirt.ts'
import { find, findAll, parseXml, type XmlElement } from './xml.ts'

/** The disks of a domain: those of the VM that runs, or with `--inactive` those of its definition. */
export async function disksOf(
  virsh: Virsh,
  domain: string,
  options: readonly string[],
): Promise<readonly XmlElement[]> {
  const [definition] = parseXml(await virsh.run(['dumpxml', ...options, domain]))
  return definition ? findAll(definition, ['devices', 'disk']) : []
}

export const isBundle = (disk: XmlElement): boolean => find(disk, ['serial'])?.text === bundleSerial

/** As the guest's bus names it: `vdc`. */
export const targetOf = (disk: XmlElement): string => find(disk, ['target'])?.attributes.dev ?? ''

/** A name that none of the disks has. */
export function freeTarget(disks: readonly XmlElement[]): string {
  const taken = new Set(disks.map(targetOf))
  return [...'cdefghijklmnopqrstuvwxyz'].map((letter) => `vd${letter}`).find((name) => !taken.has(name)) ?? 'vdzz'
}
