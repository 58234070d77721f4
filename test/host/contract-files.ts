import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createVault } from '../../lib/host/secret.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import type { Benches } from './contract.ts'

const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff))

export function fileContract({ bind, folder }: Benches, onDisk: boolean): void {
  const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)
  const leftovers = (path: string) => readdirSync(path).filter((name) => name.startsWith('.kedge-'))

  test('reads what is there, and undefined where nothing is', async () => {
    const { host } = bind()
    const path = join(folder(), "hostile ' name", 'é')
    expect(await host.read(path)).toBeUndefined()
    await host.write(path, 'text\n')
    expect(await host.read(path)).toBe('text\n')
    await host.write(path, '')
    expect(await host.read(path)).toBe('')
  })

  test('writes a secret raw, for its owner only', async () => {
    const { host, told } = bind()
    const path = join(folder(), 'secret')
    await host.write(path, createVault().secret('open-sesame'))
    expect(await host.read(path)).toBe('open-sesame')
    expect(JSON.stringify(told)).not.toContain('open-sesame')
    if (onDisk) expect(modeOf(path)).toBe('600')
  })

  test('puts a binary file unchanged, checks its sum, and tells how far it is', async () => {
    const { host } = bind()
    const local = join(folder(), 'source')
    const path = join(folder(), 'target')
    const seen: number[] = []
    writeFileSync(local, bytes)
    const sha256 = new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
    await host.put(local, path, { mode: 0o750, sha256, onProgress: (sent, total) => seen.push(sent / total) })
    expect(seen.at(-1)).toBe(1)
    if (!onDisk) return
    expect(readFileSync(path).equals(bytes)).toBe(true)
    expect(modeOf(path)).toBe('750')
    await host.put(local, path)
    expect(modeOf(path)).toBe('644')
  })

  test('puts a part of a file, down to no byte at all, and refuses one that is cut off', async () => {
    const { host } = bind()
    const local = join(folder(), 'bundle')
    const path = join(folder(), 'piece')
    writeFileSync(local, bytes)
    for (const range of [
      { offset: 4097, sizeBytes: 131_073 },
      { offset: 0, sizeBytes: 1 },
      { offset: bytes.length, sizeBytes: 0 },
    ]) {
      const part = bytes.subarray(range.offset, range.offset + range.sizeBytes)
      const sha256 = new Bun.CryptoHasher('sha256').update(part).digest('hex')
      const seen: number[] = []
      await host.put(local, path, { range, sha256, onProgress: (...both) => seen.push(...both) })
      if (onDisk) expect(readFileSync(path).equals(part)).toBe(true)
      if (range.sizeBytes > 0) expect(seen.slice(-2)).toEqual([range.sizeBytes, range.sizeBytes])
    }
    const beyond = { offset: bytes.length - 5, sizeBytes: 6 }
    const error = await host.put(local, path, { range: beyond }).catch((thrown) => thrown)
    expect(toFailure(error)).toMatchObject({ kind: 'bundle' })
    expect(toFailure(error).message).toContain('cut off')
    expect(await host.read(path)).toBe('')
  })

  test('refuses a file whose sum is another one, and keeps the old file', async () => {
    const { host } = bind()
    const local = join(folder(), 'damaged')
    const path = join(folder(), 'kept')
    writeFileSync(local, bytes)
    await host.write(path, 'old')
    const error = await host.put(local, path, { sha256: '0'.repeat(64) }).catch((thrown) => thrown)
    expect(toFailure(error)).toMatchObject({ kind: 'bundle' })
    expect(await host.read(path)).toBe('old')
    if (onDisk) expect(leftovers(folder())).toEqual([])
  })

  if (!onDisk) return

  test('writes with exactly the mode that is asked for', async () => {
    const { host } = bind()
    for (const mode of [0o600, 0o644, 0o666, 0o755]) {
      await host.write(join(folder(), 'mode'), 'x', { mode })
      expect(modeOf(join(folder(), 'mode'))).toBe(mode.toString(8))
    }
  })

  test('a write that is stopped halfway leaves the old file and nothing beside it', async () => {
    const { host, stop } = bind()
    const local = join(folder(), 'large')
    const path = join(folder(), 'inside', 'old')
    writeFileSync(local, Buffer.alloc(16 * 1024 * 1024))
    await host.write(path, 'old')
    const put = host.put(local, path, { onProgress: (sent) => sent > 1024 * 1024 && stop.abort() })
    await expect(put).rejects.toBeDefined()
    expect(readFileSync(path, 'utf8')).toBe('old')
    // The caller does not wait for the far end, which is given ten seconds to clean up after a stop.
    for (let look = 0; look < 100 && leftovers(join(folder(), 'inside')).length > 0; look++) await Bun.sleep(100)
    expect(leftovers(join(folder(), 'inside'))).toEqual([])
  })

  test('a folder in the way is a failure with a name', async () => {
    const { host } = bind()
    const error = await host.write(folder(), 'x').catch((thrown) => thrown)
    expect(toFailure(error).kind).toBe('command')
    const missing = await host.put(join(folder(), 'no-such'), join(folder(), 'y')).catch((thrown) => thrown)
    expect(toFailure(missing).message).toContain('no-such')
    expect(existsSync(join(folder(), 'y'))).toBe(false)
  })
}
