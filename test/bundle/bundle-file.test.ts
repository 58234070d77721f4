import { describe, expect, test } from 'bun:test'
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { readAsset } from '../../lib/bundle/read-asset.ts'
import { manifestOfFile, writeBundleFile } from '../../lib/bundle/write-bundle-file.ts'
import { seededRandom } from '../../lib/cli/seeded-random.ts'
import { TaskError } from '../../lib/event/failure.ts'
import { makeBundle, type PieceToMake, temporaryFolder } from './make-bundle.ts'

/** More than fits one sector of the root folder, an empty one, one longer than a sector, and one content under two names. */
const pieces: readonly PieceToMake[] = [
  { name: 'keadm' },
  { name: 'empty', content: '' },
  { name: 'long', content: 'long '.repeat(3000) },
  { name: 'docker.io/a:1', kind: 'image', content: 'the same', roles: ['edge'] },
  { name: 'docker.io/b:1', kind: 'image', content: 'the same' },
  ...Array.from({ length: 40 }, (_, index) => ({ name: `piece-${index}` })),
]
const folder = makeBundle(pieces)

const fileOf = async (from = folder, name = 'kedge.bundle'): Promise<string> => {
  const source = openBundle(from).pieces
  const path = join(temporaryFolder(), name)
  await writeBundleFile(source, manifestOfFile(source), path)
  return path
}
const whole = await fileOf()

/** What opening says is wrong, with the file as `…`; anything but a failure of kind `bundle` is passed on. */
function complaint(place: Parameters<typeof openBundle>[0]): string {
  try {
    openBundle(place)
  } catch (error) {
    if (!(error instanceof TaskError) || error.failure.kind !== 'bundle') throw error
    expect(error.failure.cure).toBeTruthy()
    return error.message.replaceAll(typeof place === 'string' ? place : place.path, '…')
  }
  return 'opened'
}

describe('a bundle that is one file', () => {
  test('holds the same as the folder, in the same order, each content once', () => {
    const bundle = openBundle(whole)
    const source = openBundle(folder)
    expect(bundle.pieces.map(readAsset)).toEqual(source.pieces.map(readAsset))
    expect(bundle.pieces.map(({ name, roles, sizeBytes }) => [name, roles, sizeBytes])).toEqual(
      source.pieces.map(({ name, roles, sizeBytes }) => [name, roles, sizeBytes]),
    )
    expect(bundle.asset('docker.io/a:1', 'amd64').offset).toBe(bundle.asset('docker.io/b:1', 'amd64').offset as number)
    expect(new Set(bundle.pieces.map(({ offset }) => offset)).size).toBe(pieces.length - 1)
    const { size } = Bun.file(whole)
    expect(bundle.pieces[0]?.bundleFile).toEqual({ path: whole, offset: 0, sizeBytes: size })
  })

  test('the same pieces give the same bytes', async () => {
    expect(readFileSync(await fileOf()).equals(readFileSync(whole))).toBe(true)
  })

  test('a bundle that is one file can be written as another one', async () => {
    expect(readFileSync(await fileOf(whole)).equals(readFileSync(whole))).toBe(true)
  })

  test('is found within a larger file, and reaches no further than it is said to', () => {
    const path = join(temporaryFolder(), 'pack')
    const before = Buffer.alloc(8192, 'executable')
    writeFileSync(path, Buffer.concat([before, readFileSync(whole), Buffer.from('trailer')]))
    const sizeBytes = Bun.file(whole).size
    const place = { path, offset: before.length, sizeBytes }
    const bundle = openBundle(place)
    expect(bundle.pieces.map(readAsset)).toEqual(openBundle(folder).pieces.map(readAsset))
    expect(bundle.pieces[0]?.bundleFile).toEqual(place)
    expect(complaint({ ...place, sizeBytes: sizeBytes - 1 })).toMatch(/^… is cut off/)
    expect(complaint({ ...place, offset: 4096 })).toMatch(/^… is no bundle/)
  })
})

describe('a file that is not whole is refused, and named', () => {
  const bytes = readFileSync(whole)
  const copy = () => {
    const path = join(temporaryFolder(), 'copy.bundle')
    copyFileSync(whole, path)
    return path
  }

  test('cut off anywhere', () => {
    const path = copy()
    for (let length = bytes.length - 1; length >= 0; length -= length > 40_000 ? 997 : 4999) {
      truncateSync(path, length)
      expect({ length, said: complaint(path) }).toEqual({
        length,
        said: expect.stringMatching(/^… (is cut off: of the bundle's \d+ bytes \d+ are there|is no bundle|is damaged)/),
      })
    }
    truncateSync(path, 0)
    expect(complaint(path)).toMatch(/^… is no bundle/)
  })

  test('another disk image, an executable, a text', () => {
    const path = join(temporaryFolder(), 'other')
    const other = Buffer.from(bytes)
    for (const at of [16, 17].map((sector) => sector * 2048 + 40)) other.fill(' ', at, at + 32)
    for (const content of [other, readFileSync('/bin/sh'), Buffer.from('text')]) {
      writeFileSync(path, content)
      expect(complaint(path)).toMatch(/^… is no bundle: neither a folder with manifest.json nor a file that `kedge /)
    }
  })

  test('1000 damaged heads and manifests: each opens with pieces inside the file, or is refused as a bundle', () => {
    const seed = Number(process.env.KEDGE_SEED ?? 20261122)
    const random = seededRandom(seed)
    const end = openBundle(whole).pieces[0]?.offset as number
    const path = copy()
    const descriptor = openSync(path, 'r+')
    const outcomes = { opened: 0, refused: 0 }
    try {
      for (let round = 0; round < 1000; round++) {
        // From the Joliet descriptor on.
        const places = [17 * 2048 + Math.floor(random() * (end - 17 * 2048))]
        if (random() < 0.2) places.push(Math.floor(random() * end))
        for (const at of places) writeSync(descriptor, Uint8Array.of(Math.floor(random() * 256)), 0, 1, at)
        try {
          for (const { offset = -1, sizeBytes } of openBundle(path).pieces) {
            expect(offset >= 0 && offset + sizeBytes <= bytes.length, `KEDGE_SEED=${seed}, round ${round}`).toBe(true)
          }
          outcomes.opened++
        } catch (error) {
          if (!(error instanceof TaskError)) throw new Error(`KEDGE_SEED=${seed}, round ${round}`, { cause: error })
          expect(error.failure.kind).toBe('bundle')
          outcomes.refused++
        }
        for (const at of places) writeSync(descriptor, bytes, at, 1, at)
      }
    } finally {
      closeSync(descriptor)
    }
    expect(outcomes.opened).toBeGreaterThan(100)
    expect(outcomes.refused).toBeGreaterThan(100)
  })
})

describe('writing one', () => {
  const damaged = () => {
    const from = makeBundle([{ name: 'keadm' }, { name: 'kubelet' }])
    const { pieces: source } = openBundle(from)
    writeFileSync(join(from, 'file/amd64-kubelet'), 'kubelat')
    return source
  }

  test('a damaged piece is named, and what was there before stays', async () => {
    const source = damaged()
    const path = join(temporaryFolder(), 'kedge.bundle')
    writeFileSync(path, 'the old one')
    const error = await writeBundleFile(source, manifestOfFile(source), path).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(TaskError)
    expect(error.failure).toMatchObject({ kind: 'bundle', message: expect.stringMatching(/^damaged: kubelet \(/) })
    expect(readFileSync(path, 'utf8')).toBe('the old one')
    expect(readdirSync(dirname(path))).toEqual(['kedge.bundle'])
  })

  test('stopped, it leaves nothing; its progress ends at the sum of what is stored', async () => {
    const { pieces: source } = openBundle(folder)
    const path = join(temporaryFolder(), 'kedge.bundle')
    const stop = new AbortController()
    const options = { signal: stop.signal, onProgress: (written: number) => written > 10_000 && stop.abort() }
    const error = await writeBundleFile(source, manifestOfFile(source), path, options).catch((thrown) => thrown)
    expect(error.name).toBe('AbortError')
    expect(readdirSync(dirname(path))).toEqual([])
    const seen: [number, number][] = []
    await writeBundleFile(source, manifestOfFile(source), path, { onProgress: (...both) => seen.push(both) })
    const stored = new Map(source.map(({ sha256, sizeBytes }) => [sha256, sizeBytes]))
    const total = [...stored.values()].reduce((sum, size) => sum + size, 0)
    expect(seen.at(-1)).toEqual([total, total])
  })

  test('killed at any moment, it leaves no file that opens', async () => {
    const big = makeBundle([{ name: 'big', content: 'x'.repeat(64 * 1024 * 1024) }, { name: 'small' }])
    const path = join(temporaryFolder(), 'kedge.bundle')
    const lib = join(import.meta.dir, '../../lib/bundle')
    const script = `
      const { openBundle } = await import('${lib}/bundle.ts')
      const { manifestOfFile, writeBundleFile } = await import('${lib}/write-bundle-file.ts')
      const { pieces } = openBundle('${big}')
      const onProgress = (written) => written > Number(process.argv[1]) && process.kill(process.pid, 'SIGKILL')
      await writeBundleFile(pieces, manifestOfFile(pieces), '${path}', { onProgress })`
    for (const bytes of [0, 30_000_000, 64 * 1024 * 1024]) {
      const child = Bun.spawn([process.execPath, '-e', script, String(bytes)], { stderr: 'pipe' })
      await child.exited
      expect(child.signalCode).toBe('SIGKILL')
      expect(existsSync(path)).toBe(false)
      expect(complaint(`${path}.part`)).toMatch(/^… is no bundle/)
    }
    await writeBundleFile(openBundle(big).pieces, manifestOfFile(openBundle(big).pieces), path)
    expect(openBundle(path).pieces).toHaveLength(2)
    expect(readdirSync(dirname(path))).toEqual(['kedge.bundle'])
  }, 120_000)

  const isRoot = process.getuid?.() === 0
  test.skipIf(!isRoot)('a full disk is named, and nothing is left on it', async () => {
    const disk = temporaryFolder()
    const mount = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk])
    expect(mount.exitCode, mount.stderr.toString()).toBe(0)
    try {
      const { pieces: source } = openBundle(makeBundle([{ name: 'big', content: 'x'.repeat(3 * 1024 * 1024) }]))
      const path = join(disk, 'kedge.bundle')
      const error = await writeBundleFile(source, manifestOfFile(source), path).catch((thrown) => thrown)
      expect(error).toBeInstanceOf(TaskError)
      expect(error.failure.kind).toBe('command')
      expect(error.failure.message).toContain(`${path} cannot be written: ENOSPC`)
      expect(readdirSync(disk)).toEqual([])
    } finally {
      Bun.spawnSync(['umount', disk])
    }
  })
})

const isoinfo = Bun.which('isoinfo')
test.skipIf(!isoinfo)('isoinfo finds every piece by its sha256', () => {
  const run = (...args: string[]) => Bun.spawnSync([isoinfo as string, '-i', whole, ...args]).stdout
  expect(run('-d').toString()).toContain('Volume id: KEDGE_BUNDLE\n')
  const bundle = openBundle(whole)
  const names = run('-J', '-f').toString().trim().split('\n')
  expect(names).toEqual(['/manifest.json', ...new Set(bundle.pieces.map(({ sha256 }) => `/${sha256}`))].sort())
  const long = bundle.asset('long', 'amd64')
  expect(run('-J', '-x', `/${long.sha256}`).toString()).toBe('long '.repeat(3000))
  expect(run('-J', '-x', '/manifest.json').toString()).toBe(manifestOfFile(bundle.pieces))
})

const kernelReads = readFileSync('/proc/filesystems', 'utf8').includes('iso9660') && process.getuid?.() === 0
test.skipIf(!kernelReads)('Linux mounts it, and then it is a bundle that is a folder', () => {
  const folderOfMount = temporaryFolder()
  const mount = Bun.spawnSync(['mount', '-o', 'ro,loop', whole, folderOfMount])
  expect(mount.exitCode, mount.stderr.toString()).toBe(0)
  try {
    const mounted = openBundle(folderOfMount)
    expect(mounted.pieces.map(readAsset)).toEqual(openBundle(folder).pieces.map(readAsset))
  } finally {
    Bun.spawnSync(['umount', folderOfMount])
  }
})
