import { stableUuid } from './names.ts'
import { find, type XmlElement, xml } from './xml.ts'

const namespace = 'urn:kedge:lab:1'

/** What kedge writes into everything that it defines in libvirt, and by which alone it knows its own again. */
export type Owner = { readonly lab: string } & ({ readonly node: string } | { readonly network: string })

export function ownerMetadata(owner: Owner): XmlElement {
  const { lab, ...subject } = owner
  return xml('metadata', {}, [xml('kedge:lab', { 'xmlns:kedge': namespace, name: lab, ...subject })])
}

/** Who owns a domain or network, or undefined where kedge did not make it. */
export function ownerOf(definition: XmlElement): Owner | undefined {
  for (const { name, attributes } of find(definition, ['metadata'])?.children ?? []) {
    const [prefix = '', local] = name.split(':')
    if (local !== 'lab' || attributes[`xmlns:${prefix}`] !== namespace) continue
    const { name: lab, node, network } = attributes
    if (lab && node) return { lab, node }
    if (lab && network) return { lab, network }
  }
  return undefined
}

/**
 * What kedge itself defined for the lab: the mark, under the UUID that kedge gives. It still is so after a rename; a clone,
 * which carries the mark too, has a UUID of its own and is its maker's.
 */
export function madeFor(lab: string, definition: XmlElement): Owner | undefined {
  const owner = ownerOf(definition)
  if (owner?.lab !== lab) return undefined
  const uuid = 'node' in owner ? stableUuid(lab, 'node', owner.node) : stableUuid(lab, 'network', owner.network)
  return find(definition, ['uuid'])?.text === uuid ? owner : undefined
}
