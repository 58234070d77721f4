import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Judged, judgeAll } from './watch-dog.ts'

// `KEDGE_FUZZ=N` judges so many inputs, `KEDGE_SEED=S` those from another seed on: with `KEDGE_FUZZ=10` and the seed of a
// complaint, that one is soon repeated.
const count = Number(process.env.KEDGE_FUZZ ?? 10_000)
const firstSeed = Number(process.env.KEDGE_SEED ?? 20_261_122)
const shares = { config: 0.62, manifest: 0.28, 'bundle-file': 0.1 } as const

/** What one input may cost. */
const mostMilliseconds = 1000

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kedge-hostile-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const child = join(import.meta.dir, 'fuzz-child.ts')

describe(`${count} hostile inputs from seed ${firstSeed}`, () => {
  test.each(Object.entries(shares))(
    '%s: each is accepted or refused where it stands, in under a second of processor time',
    async (kind, share) => {
      const to = firstSeed + Math.ceil(count * share)
      const command = (from: number, below: number) => {
        const own = mkdtempSync(join(folder, 'child-'))
        return [process.execPath, child, kind, own, String(from), String(below)]
      }
      const judged = await judgeAll(command, firstSeed, to)
      expect(judged.filter(({ complaints }) => complaints.length > 0).slice(0, 10)).toEqual([])
      expect(slowest(judged).filter(({ milliseconds }) => milliseconds > mostMilliseconds)).toEqual([])
      expect(judged.length).toBe(to - firstSeed)
      // One that accepts nothing, or refuses nothing, asks nothing.
      const accepted = judged.filter(({ exitCode }) => exitCode === 0).length
      const rest = judged.length - accepted
      console.log(
        `${kind}: ${accepted} accepted, ${rest} refused, slowest ${slowest(judged)[0]?.milliseconds.toFixed(0)} ms`,
      )
      if (judged.length < 100) return
      expect(accepted).toBeGreaterThan(judged.length * 0.02)
      expect(rest).toBeGreaterThan(judged.length * 0.2)
    },
    1_800_000,
  )
})

const slowest = (judged: readonly Judged[]) => judged.toSorted((a, b) => b.milliseconds - a.milliseconds).slice(0, 5)

describe('the watchdog', () => {
  test('names the input at which a child hangs, dies or throws, and goes on with the next', async () => {
    const script = `for (let seed = +process.argv[1]; seed < +process.argv[2]; seed++) {
      console.log('begin ' + seed)
      if (seed === 2) for (;;) {}
      if (seed === 4) process.kill(process.pid, 'SIGSEGV')
      if (seed === 5) throw new Error('such an input')
      console.log('end ' + JSON.stringify({ seed, exitCode: 0, complaints: [], milliseconds: 1 }))
    }`
    const command = (from: number, to: number) => [process.execPath, '-e', script, String(from), String(to)]
    const judged = await judgeAll(command, 0, 8, { cpuSeconds: 1, seconds: 300 })
    expect(judged.map(({ seed }) => seed)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    const named = judged.flatMap(({ seed, complaints }) => complaints.map((complaint) => `${seed} ${complaint}`))
    expect(named).toEqual([
      expect.stringMatching(/^2 hangs: /),
      expect.stringMatching(/^4 the child died with SIGSEGV/),
      expect.stringMatching(/^5 the child died with 1: [\s\S]*such an input/),
    ])
  }, 300_000)
})
