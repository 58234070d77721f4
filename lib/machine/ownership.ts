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
