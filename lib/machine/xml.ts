/** An element as libvirt uses them: attributes, and either child elements or text. */
export type XmlElement = {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly XmlElement[]
  readonly text: string
}

type Attributes = Readonly<Record<string, string | number | undefined>>

/** An element to be written; attributes that are undefined are left out. */
export function xml(
  name: string,
  attributes: Attributes = {},
  content: readonly XmlElement[] | string = [],
): XmlElement {
  const given: Record<string, string> = {}
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) given[key] = String(value)
  return typeof content === 'string'
    ? { name, attributes: given, children: [], text: content }
    : { name, attributes: given, children: content, text: '' }
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
}

export const escapeXml = (text: string): string =>
  text.replace(/[&<>'"]/g, (character) => entities[character] ?? character)

/** Indented by two blanks, with a line break at the end. */
export function formatXml(element: XmlElement, indent = ''): string {
  const attributes = Object.entries(element.attributes).map(([key, value]) => ` ${key}='${escapeXml(value)}'`)
  const opening = `${indent}<${element.name}${attributes.join('')}`
  if (element.children.length > 0) {
    const inner = element.children.map((child) => formatXml(child, `${indent}  `)).join('')
    return `${opening}>\n${inner}${indent}</${element.name}>\n`
  }
  return element.text === '' ? `${opening}/>\n` : `${opening}>${escapeXml(element.text)}</${element.name}>\n`
}

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', apos: "'", quot: '"' }

const unescapeXml = (text: string): string =>
  text.replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (decimal) return String.fromCodePoint(Number.parseInt(decimal, 10))
    return named[name] ?? whole
  })

type Open = { name: string; attributes: Record<string, string>; children: XmlElement[]; text: string }

/**
 * The elements at the top of what libvirt printed; several documents may follow one another. This reads libvirt's own
 * output, which is well-formed, and is not a validator: what it cannot make sense of is an error.
 */
export function parseXml(source: string): readonly XmlElement[] {
  const top: Open = { name: '', attributes: {}, children: [], text: '' }
  const open: Open[] = [top]
  const token =
    /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<(\/?)([^\s/>]+)((?:\s+[^\s=]+\s*=\s*(?:'[^']*'|"[^"]*"))*)\s*(\/?)>|([^<]+)/y
  while (token.lastIndex < source.length) {
    const at = token.lastIndex
    const match = token.exec(source)
    if (!match) throw new Error(`XML: cannot read ${source.slice(at, at + 40)}`)
    const [, closing, name, attributes = '', selfClosing, text] = match
    const current = open.at(-1) as Open
    if (text !== undefined) current.text += unescapeXml(text)
    else if (closing) {
      if (open.length === 1 || current.name !== name) throw new Error(`XML: </${name}> closes nothing`)
      open.pop()
      // Text around child elements is only their indentation.
      if (current.children.length > 0) current.text = ''
    } else if (name !== undefined) {
      const element: Open = { name, attributes: parseAttributes(attributes), children: [], text: '' }
      current.children.push(element)
      if (!selfClosing) open.push(element)
    }
  }
  if (open.length > 1) throw new Error(`XML: <${open.at(-1)?.name}> is not closed`)
  return top.children
}

function parseAttributes(source: string): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const [, key = '', single, double] of source.matchAll(/([^\s=]+)\s*=\s*(?:'([^']*)'|"([^"]*)")/g)) {
    attributes[key] = unescapeXml(single ?? double ?? '')
  }
  return attributes
}

/** All elements at the end of a path of names, such as `['devices', 'interface']`. */
export const findAll = (element: XmlElement, path: readonly string[]): readonly XmlElement[] =>
  path.reduce<readonly XmlElement[]>(
    (found, name) => found.flatMap((parent) => parent.children.filter((child) => child.name === name)),
    [element],
  )

export const find = (element: XmlElement, path: readonly string[]): XmlElement | undefined => findAll(element, path)[0]
