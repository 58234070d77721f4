import { expect, test } from 'bun:test'
import { find, findAll, formatXml, parseXml, xml } from '../../lib/machine/xml.ts'

test('whatever stands in the file cannot break out of its place', () => {
  const hostile = `</name><evil a='1'/>&amp;"<!--`
  const text = formatXml(xml('domain', { title: hostile }, [xml('name', {}, hostile)]))
  expect(text).not.toContain('<evil')
  const [read] = parseXml(text)
  expect(read?.attributes.title).toBe(hostile)
  expect(read && find(read, ['name'])?.text).toBe(hostile)
  expect(read?.children.length).toBe(1)
})

test('undefined attributes are left out, empty elements closed', () => {
  expect(formatXml(xml('a', { b: undefined, c: 1 }, [xml('d')]))).toBe("<a c='1'>\n  <d/>\n</a>\n")
})

test('reads libvirt’s output: prolog, comments, both quotes, entities, several documents', () => {
  const text = `<?xml version="1.0"?>
<!-- WARNING: <this> is auto-generated -->
<domain type='kvm' id="3">
  <metadata><kedge:lab xmlns:kedge="urn:kedge:lab:1" name='a&#x2d;b'/></metadata>
  <devices>
    <interface type='network'><source network='one'/></interface>
    <interface type='network'><source network='two'/></interface>
  </devices>
</domain>
<domain/>
`
  const documents = parseXml(text)
  expect(documents.map(({ name }) => name)).toEqual(['domain', 'domain'])
  const [domain] = documents
  if (!domain) throw new Error('nothing read')
  expect(domain.attributes).toEqual({ type: 'kvm', id: '3' })
  expect(find(domain, ['metadata', 'kedge:lab'])?.attributes.name).toBe('a-b')
  expect(findAll(domain, ['devices', 'interface', 'source']).map(({ attributes }) => attributes.network)).toEqual([
    'one',
    'two',
  ])
})

test('what does not fit together is an error', () => {
  expect(() => parseXml('<a><b></a>')).toThrow('</a> closes nothing')
  expect(() => parseXml('<a>')).toThrow('<a> is not closed')
  expect(() => parseXml('<a/>\n<b broken')).toThrow()
})
