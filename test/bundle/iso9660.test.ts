import { expect, test } from 'bun:test'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { iso9660, layoutImage } from '../../lib/bundle/iso9660.ts'
import { readImage } from '../../lib/bundle/read-image.ts'

const files = {
  'user-data': '#cloud-config\n',
  'meta-data': 'm'.repeat(5000),
  'network-config': Uint8Array.of(0, 255, 10),
}

/** A reader of its own for one of the two trees: what the root folder lists, with the bytes of each file. */
function read(image: Uint8Array, descriptorSector: number): Record<string, Uint8Array> {
  const view = new DataView(image.buffer)
  const at = descriptorSector * 2048
  const isJoliet = image[at] === 2
  const root = view.getUint32(at + 156 + 2, true) * 2048
  const found: Record<string, Uint8Array> = {}
  for (let entry = root; image[entry]; entry += image[entry] as number) {
    const nameLength = image[entry + 32] as number
    const name = image.subarray(entry + 33, entry + 33 + nameLength)
    if (nameLength === 1) continue
    const start = view.getUint32(entry + 2, true) * 2048
    const size = view.getUint32(entry + 10, true)
    // Each number stands there twice, and both must say the same.
    expect(view.getUint32(entry + 6, false) * 2048).toBe(start)
    expect(view.getUint32(entry + 14, false)).toBe(size)
    const text = isJoliet ? new TextDecoder('utf-16be').decode(name) : new TextDecoder().decode(name)
    found[text] = image.slice(start, start + size)
  }
  return found
}

const bytes = (content: string | Uint8Array) =>
  typeof content === 'string' ? new TextEncoder().encode(content) : content

test('both trees hold every file, byte for byte', () => {
  const image = iso9660('cidata', files)
  const joliet = read(image, 17)
  expect(Object.keys(joliet)).toEqual(['meta-data', 'network-config', 'user-data'])
  const primary = read(image, 16)
  expect(Object.keys(primary)).toEqual(['META-DATA.;1', 'NETWORK-CONFIG.;1', 'USER-DATA.;1'])
  for (const [name, content] of Object.entries(files)) {
    expect(joliet[name]).toEqual(bytes(content))
    expect(primary[`${name.toUpperCase()}.;1`]).toEqual(bytes(content))
  }
})

test('it ends on a full MiB, so that it can be overwritten in place', () => {
  expect(iso9660('cidata', files).length).toBe(1024 * 1024)
  expect(iso9660('cidata', { big: new Uint8Array(1024 * 1024) }).length).toBe(2 * 1024 * 1024)
})

test('names that would come out differently are refused', () => {
  for (const name of ['', 'a.b.c', '.a', 'a.', 'a/b', 'ü', 'x'.repeat(65)])
    expect(() => iso9660('cidata', { [name]: '' })).toThrow(RangeError)
})

const isoinfo = Bun.which('isoinfo')

test.skipIf(!isoinfo)('isoinfo reads it as a Joliet disk labelled cidata', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-iso-'))
  try {
    const path = join(folder, 'seed.iso')
    writeFileSync(path, iso9660('cidata', files))
    const run = (...args: string[]) => Bun.spawnSync([isoinfo as string, '-i', path, ...args]).stdout.toString()
    expect(run('-d')).toContain('Volume id: cidata\n')
    expect(run('-J', '-f').trim().split('\n')).toEqual(['/meta-data', '/network-config', '/user-data'])
    expect(run('-J', '-x', '/user-data')).toBe('#cloud-config\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a file of more than 4 GiB is in several extents, which a reader puts together', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-iso-'))
  const path = join(folder, 'large.iso')
  const large = { name: 'f'.repeat(64), sizeBytes: 9 * 2 ** 30 + 5 }
  const small = { name: 'small', sizeBytes: 3 }
  const layout = layoutImage('KEDGE_BUNDLE', [large, small])
  const [first, second] = layout.files.map(({ offsetBytes }) => offsetBytes)
  // Sparse: the file takes a few blocks only.
  const descriptor = openSync(path, 'w+')
  try {
    ftruncateSync(descriptor, layout.sizeBytes)
    writeSync(descriptor, layout.head, 0, layout.head.length, 0)
    expect(readImage(descriptor, 0)).toEqual({
      label: 'KEDGE_BUNDLE',
      sizeBytes: layout.sizeBytes,
      files: new Map([
        [large.name, { offset: first as number, sizeBytes: large.sizeBytes }],
        ['small', { offset: second as number, sizeBytes: 3 }],
      ]),
    })
    expect((second as number) - (first as number)).toBe(Math.ceil(large.sizeBytes / 2048) * 2048)
    if (!isoinfo) return
    const listed = Bun.spawnSync([isoinfo, '-i', path, '-J', '-l']).stdout.toString()
    expect(listed.match(/^.*f{64}/gm)).toHaveLength(3)
    const marks = ['one', 'two'].map((text) => Buffer.from(text))
    writeSync(descriptor, marks[1] as Buffer, 0, 3, second as number)
    expect(Bun.spawnSync([isoinfo, '-i', path, '-J', '-x', '/small']).stdout.toString()).toBe('two')
  } finally {
    closeSync(descriptor)
    rmSync(folder, { recursive: true })
  }
})
