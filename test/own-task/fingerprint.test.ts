import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { runIn } from '../build/binary.ts'

test('what an attempt may leave is seen, one by one', () => {
  const { stdout, stderr } = runIn('/', [process.execPath, join(import.meta.dir, 'programs/fingerprint.ts')], {
    PATH: process.env.PATH ?? '',
  })
  const seen = JSON.parse(stdout || '{}') as Record<string, string>
  expect({ missed: Object.entries(seen).filter(([, verdict]) => verdict !== 'seen'), stderr }).toEqual({
    missed: [],
    stderr: '',
  })
  expect(Object.keys(seen).length).toBe(20)
}, 60_000)
