import { describe, expect, test } from 'bun:test'
import { Readable } from 'node:stream'
import { createOutlet } from '../../lib/host/outlet.ts'
import { createOutputStore } from '../../lib/host/output-store.ts'

describe('output store', () => {
  test('keeps all of what is short, and the last 4 MiB of what is not', () => {
    const { stdout } = createOutputStore()
    for (let index = 0; index < 1000; index++) stdout.push(Buffer.from(`${index}\n`))
    expect(Buffer.concat(stdout).toString().split('\n')).toHaveLength(1001)
    expect(stdout.length).toBeLessThan(10)
    for (let index = 0; index < 200; index++) stdout.push(Buffer.alloc(64 * 1024, index))
    const bytes = stdout.reduce((sum, chunk) => sum + chunk.length, 0)
    expect(bytes).toBeLessThanOrEqual(4 * 1024 * 1024)
    expect(bytes).toBeGreaterThan(4 * 1024 * 1024 - 64 * 1024 - 1)
    expect(stdout.at(-1)?.at(-1)).toBe(199)
  })
})

describe('outlet', () => {
  const through = async (chunks: readonly Buffer[]) => {
    const outlet = createOutlet()
    const seen: Buffer[] = []
    outlet.attach(Readable.from(chunks))
    for await (const chunk of outlet.stream) seen.push(chunk)
    return seen
  }

  test('cuts no character in two, wherever the chunks are cut', async () => {
    const text = Buffer.from('aé漢🦀z')
    for (let cut = 0; cut <= text.length; cut++) {
      const seen = await through([text.subarray(0, cut), text.subarray(cut)].filter((chunk) => chunk.length > 0))
      expect(seen.map((chunk) => chunk.toString()).join('')).toBe('aé漢🦀z')
    }
  })

  test('passes bytes that are no text on unchanged', async () => {
    const bytes = Buffer.from(Array.from({ length: 512 }, (_, index) => index & 0xff))
    const seen = await through(Array.from({ length: 128 }, (_, index) => bytes.subarray(index * 4, index * 4 + 4)))
    expect(Buffer.concat(seen).equals(bytes)).toBe(true)
    expect(Buffer.concat(await through([Buffer.from([0xf0, 0x9f])]))).toEqual(Buffer.from([0xf0, 0x9f]))
  })
})
