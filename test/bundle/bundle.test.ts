import { describe, expect, test } from 'bun:test'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { TaskError } from '../../lib/event/failure.ts'
import { entryOf, makeBundle, temporaryFolder, writeManifest } from './make-bundle.ts'

/** What opening says is wrong, with the bundle's folder as `…`; anything but a failure of kind `bundle` is passed on. */
function complaint(folder: string, open: () => unknown = () => openBundle(folder)): string {
  try {
    open()
  } catch (error) {
    if (!(error instanceof TaskError) || error.failure.kind !== 'bundle') throw error
    expect(error.failure.cure).toBeTruthy()
    return error.message.replaceAll(folder, '…')
  }
  return 'opened'
}

describe('what a whole bundle holds', () => {
  const folder = makeBundle([
    { name: 'keadm' },
    { name: 'keadm', architecture: 'arm64', content: 'keadm for arm64' },
    { name: 'pod-network', kind: 'manifest', architecture: 'all' },
    { name: 'docker.io/a:1', kind: 'image', roles: ['edge'] },
    { name: 'docker.io/b:1', kind: 'image', architecture: 'arm64' },
  ])
  const bundle = openBundle(folder)

  test('a piece is found by name and architecture, with an absolute path', () => {
    expect(bundle.asset('keadm', 'amd64')).toEqual({
      ...entryOf({ name: 'keadm' }),
      path: join(folder, 'file/amd64-keadm'),
      roles: [],
    } as never)
    expect(bundle.asset('keadm', 'arm64').sizeBytes).toBe(15)
    expect(bundle.asset('pod-network', 'arm64').kind).toBe('manifest')
  })

  test('pieces of a kind are those that fit the architecture', () => {
    expect(bundle.assets('image', 'amd64').map(({ name, roles }) => [name, roles])).toEqual([
      ['docker.io/a:1', ['edge']],
    ])
    expect(bundle.assets('image', 'arm64').map(({ name }) => name)).toEqual(['docker.io/b:1'])
    expect(bundle.assets('vm-image', 'amd64')).toEqual([])
  })

  test('a piece that is not there is named, and so is one for another architecture', () => {
    expect(complaint(folder, () => bundle.asset('kubeadm', 'amd64'))).toBe('the bundle has no kubeadm')
    expect(complaint(folder, () => bundle.asset('docker.io/b:1', 'amd64'))).toBe(
      'the bundle has docker.io/b:1 for arm64 only, and this node is amd64',
    )
  })
})

describe('a manifest that is no manifest', () => {
  const of = (manifest: unknown) => {
    const folder = temporaryFolder()
    writeManifest(folder, manifest)
    return complaint(folder)
  }
  test.each([
    ['an empty file', '', /^…\/manifest.json is not JSON: /],
    ['a text cut short', '{"version": 1, "pieces": [', /^…\/manifest.json is not JSON: /],
    ['null', 'null', '…/manifest.json: version undefined is not one that this kedge reads (1)'],
    ['a list', '[]', '…/manifest.json: version undefined is not one that this kedge reads (1)'],
    ['a later version', { version: 2, pieces: [] }, '…/manifest.json: version 2 is not one that this kedge reads (1)'],
    ['a version as text', { version: '1' }, '…/manifest.json: version "1" is not one that this kedge reads (1)'],
    ['no pieces', { version: 1 }, '…/manifest.json: pieces is not a list'],
    ['pieces by name', { version: 1, pieces: { keadm: {} } }, '…/manifest.json: pieces is not a list'],
  ])('%s', (_, manifest, said) => {
    if (typeof said === 'string') expect(of(manifest)).toBe(said)
    else expect(of(manifest)).toMatch(said)
  })

  test('no manifest, a folder in its place, no bundle at all', () => {
    const folder = temporaryFolder()
    const none = 'no bundle at …: …/manifest.json cannot be read: there is no such file'
    expect(complaint(folder)).toBe(none)
    mkdirSync(join(folder, 'manifest.json'))
    expect(complaint(folder)).toBe('no bundle at …: …/manifest.json cannot be read: it is a folder')
    rmSync(folder, { recursive: true })
    expect(complaint(folder)).toBe(none)
  })
})

describe('a piece that is not right', () => {
  const good = entryOf({ name: 'keadm' })
  const of = (change: Record<string, unknown> | null) => {
    const folder = makeBundle([{ name: 'first' }, { name: 'keadm' }])
    const second = change === null ? null : { ...good, ...change }
    writeManifest(folder, { version: 1, pieces: [entryOf({ name: 'first' }), second] })
    return complaint(folder).replace('…/manifest.json: pieces[1]: ', '')
  }
  test('the unchanged one opens', () => expect(of({})).toBe('opened'))
  test.each([
    [{ name: undefined }, 'name is missing'],
    [{ name: '' }, 'name is missing'],
    [{ name: 7 }, 'name is missing'],
    [{ version: undefined }, 'version is missing'],
    [{ kind: 'program' }, 'kind is "program", not one of vm-image, os-packages, file, image, manifest'],
    [{ kind: undefined }, 'kind is undefined, not one of vm-image, os-packages, file, image, manifest'],
    [{ architecture: 'x86_64' }, 'architecture is "x86_64"'],
    [{ path: undefined }, 'path is missing'],
    [{ path: ['file/keadm'] }, 'path is missing'],
    [{ sha256: good.sha256.toUpperCase() }, 'sha256 is not 64 hexadecimal digits'],
    [{ sha256: good.sha256.slice(1) }, 'sha256 is not 64 hexadecimal digits'],
    [{ sha256: undefined }, 'sha256 is missing'],
    [{ sizeBytes: '5' }, 'sizeBytes is not a whole number'],
    [{ sizeBytes: 5.5 }, 'sizeBytes is not a whole number'],
    [{ sizeBytes: 2 ** 60 }, 'sizeBytes is not a whole number'],
    [{ roles: 'edge' }, 'roles is not a list of control-plane, worker, edge'],
    [{ roles: [1] }, 'roles is not a list of control-plane, worker, edge'],
    [{ roles: ['edges'] }, 'roles is not a list of control-plane, worker, edge'],
  ])('%p', (change, said) => expect(of(change)).toBe(said))
  test('null', () => expect(of(null)).toMatch(/^kind is undefined/))

  test.each(['/etc/passwd', '../keadm', 'file/../../keadm', './../keadm', '..', 'file/../..'])(
    'the path %p leads out of the bundle',
    (path) => expect(of({ path })).toMatch(/^path .* leads out of the bundle$/),
  )
  test.each([
    ['more letters than a name may have', `file/${'long'.repeat(70)}`],
    ['a file in place of a folder', 'file/amd64-keadm/below'],
  ])('a path that no file can have: %s', (_, path) => expect(of({ path })).toMatch(/^keadm: .* is missing$/s))
  test.each([
    ['path', 'file/nul\0'],
    ['path', 'file/a\nb'],
    ['name', 'a\u001b[31mb'],
    ['version', '1.0\u202e'],
  ])('a %s that cannot be printed: %j', (key, text) =>
    expect(of({ [key]: text })).toBe(`${key} has a character that cannot be printed`),
  )
  test.each([
    ['file', '-rf'],
    ['file', '../x'],
    ['file', '$(id)'],
    ['file', "it's"],
    ['image', 'registry.k8s.io/pause:3.9" other = "x'],
    ['image', '`id`/pause:3.9'],
    ['image', '--help'],
  ])('a %s cannot be named %j', (kind, name) => expect(of({ kind, name })).toMatch(/cannot name (a piece|an image)$/))
  test.each(['.', 'file', 'file/'])('the path %p is a folder, whatever size it is said to have', (path) =>
    expect(of({ path, sizeBytes: 4096 })).toMatch(/^keadm: .* is missing$/),
  )
})

test('a piece that is missing, short or too long is named with what is there', () => {
  const folder = makeBundle([{ name: 'keadm' }, { name: 'kubelet' }])
  const path = join(folder, 'file/amd64-kubelet')
  writeFileSync(path, 'kube')
  expect(complaint(folder)).toBe('kubelet: …/file/amd64-kubelet has 4 bytes, the manifest says 7')
  writeFileSync(path, 'kubelet and more')
  expect(complaint(folder)).toBe('kubelet: …/file/amd64-kubelet has 16 bytes, the manifest says 7')
  rmSync(path)
  expect(complaint(folder)).toBe('kubelet: …/file/amd64-kubelet is missing')
})
