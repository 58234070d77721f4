import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { sshdPath } from './sshd.ts'

/** In a process of its own, whose peak is this command's. */
async function flood(...args: string[]) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'programs/flood.ts'), ...args], { stdout: 'pipe' })
  return (await child.stdout.json()) as { peakMiB: number; lines: number; keptBytes: number }
}

const hosts = sshdPath ? ['local', 'ssh'] : ['local']
test.each(hosts)(
  'a command that prints 500 MB, %s, costs at most 150 MiB',
  async (host) => {
    const { peakMiB, lines, keptBytes } = await flood(host)
    expect(lines).toBeGreaterThan(8_000_000)
    expect(keptBytes).toBeLessThanOrEqual(4 * 1024 * 1024)
    expect(peakMiB).toBeLessThanOrEqual(150)
  },
  400_000,
)
