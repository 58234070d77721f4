import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { seededRandom } from '../../lib/cli/seeded-random.ts'
import { openJournal } from '../../lib/event/journal.ts'
import { lockLab } from '../../lib/event/lab-lock.ts'
import { builtBinary } from '../build/binary.ts'
import { type Sshd, sshdPath, startSshd } from '../host/sshd.ts'
import { type CrashLab, ledgerOf, makeCrashLab } from './crash-lab.ts'
import { arm, drawKillPoint, type KillPoint, type Undisturbed } from './kill-point.ts'

/*
 * kedge is killed at random points, run again, killed again, and at last left alone: what it leaves must be what an
 * undisturbed run leaves. KEDGE_CRASH_KILLS says how often, KEDGE_CRASH_SEED where.
 */
const kills = Number(process.env.KEDGE_CRASH_KILLS ?? 50)
const seed = Number(process.env.KEDGE_CRASH_SEED ?? Date.now() % 1_000_000)
const random = seededRandom(seed)
const isRoot = process.getuid?.() === 0

/** More than any of these takes on a machine that is busy with other things. */
const limitSeconds = 120

let sshds: [Sshd, Sshd]
let undisturbed: Undisturbed & { readonly tree: string[] }

type Ending = {
  readonly wasKilled: boolean
  readonly exitCode: number | null
  readonly events: number
  readonly text: string
}

const runAll = ['run', 'all', '--json', '--jobs', '12']

/** A kedge in the lab's folder, ended by SIGKILL at that point if it has not ended before. */
async function kedge(lab: CrashLab, words: readonly string[], point?: KillPoint): Promise<Ending> {
  const armed = point && arm(point, lab, () => child.exitCode === null && child.kill('SIGKILL'))
  const child = Bun.spawn([builtBinary(), ...words], {
    cwd: lab.folder,
    env: { ...lab.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stuck = setTimeout(() => child.kill('SIGKILL'), limitSeconds * 1000)
  try {
    let events = 0
    let text = ''
    let rest = ''
    const decoder = new TextDecoder()
    const errors = new Response(child.stderr).text()
    for await (const chunk of child.stdout) {
      const more = decoder.decode(chunk, { stream: true })
      text += more
      const lines = (rest + more).split('\n')
      rest = lines.pop() ?? ''
      events += lines.length
      for (const line of lines) armed?.saw(line)
    }
    await child.exited
    return {
      wasKilled: point !== undefined && child.signalCode === 'SIGKILL',
      exitCode: child.exitCode,
      events,
      text: text + (await errors),
    }
  } finally {
    armed?.disarm()
    clearTimeout(stuck)
    if (child.exitCode === null) child.kill('SIGKILL')
  }
}

async function untilNone(what: () => readonly number[]): Promise<readonly number[]> {
  const end = Date.now() + limitSeconds * 1000
  while (what().length > 0 && Date.now() < end) await Bun.sleep(20)
  return what()
}

/** What must hold after a run that was left alone, whatever happened before it. */
async function expectWhole(lab: CrashLab, ending: Ending): Promise<void> {
  expect(ending).toMatchObject({ exitCode: 0, wasKilled: false })
  expect(lab.ledger()).toEqual(ledgerOf(lab))
  expect(await untilNone(lab.processes)).toEqual([])
  const journal = openJournal(join(lab.stateFolder, 'journal.sqlite'), { readOnly: true })
  const { run: id, result } = journal.runs()[0] ?? {}
  expect(result).toBe('ok')
  expect(journal.events(id ?? '').at(-1)?.type).toBe('run-finished')
  journal.close()
  const lock = lockLab(lab.stateFolder, 'the test')
  expect(lock.ok && lock.marksOfKilled).toEqual([])
  if (lock.ok) lock.release()
}

const wanted = sshdPath !== undefined && isRoot

beforeAll(async () => {
  if (!wanted) return
  builtBinary()
  sshds = [await startSshd(), await startSshd()]
}, 300_000)
afterAll(async () => {
  for (const each of sshds ?? []) await each.stop()
})

test.skipIf(!wanted)(
  `after ${kills} kills the labs are as undisturbed ones (KEDGE_CRASH_SEED=${seed})`,
  async () => {
    const calm = makeCrashLab(sshds)
    try {
      const began = performance.now()
      const ending = await kedge(calm, runAll)
      if (ending.exitCode !== 0) throw new Error(ending.text)
      const seconds = (performance.now() - began) / 1000
      undisturbed = { tree: calm.tree(), seconds, events: ending.events, instances: calm.instances }
      await expectWhole(calm, ending)
      expect(calm.instances).toBeGreaterThanOrEqual(60)
    } finally {
      calm.remove()
    }

    const figures = { kills: 0, labs: 0, leftRunning: 0 }
    const placed: Record<string, number> = {}
    const began = performance.now()
    const noteKill = (lab: CrashLab, where: string) => {
      figures.kills++
      placed[where] = (placed[where] ?? 0) + 1
      if (lab.processes().length > 0) figures.leftRunning++
      const minutes = ((performance.now() - began) / 60_000).toFixed(1)
      if (figures.kills % 50 === 0 && figures.kills < kills)
        console.log(`crash: ${figures.kills} of ${kills} kills after ${minutes} min`)
    }
    /** Killed anywhere, run again: it takes nothing of what the tasks made, and ends what still ran. */
    const killDestroy = async (lab: CrashLab) => {
      const words = ['destroy', '--yes', ...(random() < 0.5 ? ['--purge'] : [])]
      const { wasKilled } = await kedge(lab, words, { at: 'time', seconds: random() * 0.2 })
      if (wasKilled) noteKill(lab, 'destroy')
      const before = lab.tree()
      expect(await kedge(lab, words)).toMatchObject({ exitCode: 0 })
      expect(lab.tree()).toEqual(before)
      expect(existsSync(lab.stateFolder)).toBe(!words.includes('--purge'))
    }
    const killAndRepair = async () => {
      const lab = makeCrashLab(sshds)
      figures.labs++
      try {
        const inARow = 1 + Math.floor(random() * 6)
        for (let turn = 0; turn < inARow && figures.kills < kills; turn++) {
          const point = drawKillPoint(random, undisturbed)
          const { wasKilled } = await kedge(lab, runAll, point)
          if (!wasKilled) break
          noteKill(lab, point.at)
          // Now and then everything is to end by itself, with no next run to sweep.
          if (random() < 0.2) expect(await untilNone(lab.processes)).toEqual([])
        }
        await expectWhole(lab, await kedge(lab, runAll))
        expect(lab.tree()).toEqual(undisturbed.tree)
        if (random() < 0.3) {
          await killDestroy(lab)
          await expectWhole(lab, await kedge(lab, runAll))
        }
      } finally {
        await untilNone(lab.processes)
        lab.remove()
      }
    }
    // Two labs at once: much of a run is waiting.
    const worker = async () => {
      while (figures.kills < kills) await killAndRepair()
    }
    const failed = (await Promise.allSettled([worker(), worker()])).find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
    console.log(
      `crash: ${figures.kills} kills in ${figures.labs} labs of ${calm.instances} instances; ${JSON.stringify(placed)}; ${figures.leftRunning} times commands were still running at the kill; an undisturbed run took ${undisturbed.seconds.toFixed(1)} s`,
    )
  },
  Math.max(600_000, kills * 30_000),
)
