import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { seededRandom } from '../../lib/cli/seeded-random.ts'
import { openJournal } from '../../lib/event/journal.ts'
import { lockLab } from '../../lib/event/lab-lock.ts'
import { builtBinary } from '../build/binary.ts'
import { type Sshd, sshdPath, startSshd } from '../host/sshd.ts'
import { type CrashLab, ledgerOf, makeCrashLab, slow } from './crash-lab.ts'

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
let undisturbed: { readonly tree: string[]; readonly seconds: number; readonly events: number }

type Kill = { readonly afterEvents: number } | { readonly afterStartOf: string } | { readonly afterSeconds: number }
type Ending = {
  readonly wasKilled: boolean
  readonly exitCode: number | null
  readonly events: number
  readonly text: string
}

/** `kedge run all`, ended by SIGKILL at that point if it has not ended before. */
async function run(lab: CrashLab, kill?: Kill): Promise<Ending> {
  const child = Bun.spawn([builtBinary(), 'run', 'all', '--json', '--jobs', '12'], {
    cwd: lab.folder,
    env: { ...lab.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let wasKilled = false
  const end = () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    wasKilled = true
    child.kill('SIGKILL')
  }
  const timer = kill && 'afterSeconds' in kill ? setTimeout(end, kill.afterSeconds * 1000) : undefined
  const stuck = setTimeout(() => child.kill('SIGKILL'), limitSeconds * 1000)
  try {
    let events = 0
    let text = ''
    const decoder = new TextDecoder()
    const errors = new Response(child.stderr).text()
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true })
      events = text.split('\n').length - 1
      if (kill && 'afterEvents' in kill && events >= kill.afterEvents) end()
      if (kill && 'afterStartOf' in kill && text.includes(`"task-started","why":"\`grep -qx ${kill.afterStartOf} `))
        end()
    }
    await child.exited
    if (process.env.KEDGE_CRASH_TRACE)
      console.log(JSON.stringify({ kill, events, wasKilled, code: child.exitCode, at: Math.round(performance.now()) }))
    return {
      wasKilled: wasKilled && child.signalCode === 'SIGKILL',
      exitCode: child.exitCode,
      events,
      text: text + (await errors),
    }
  } finally {
    clearTimeout(timer)
    clearTimeout(stuck)
    if (child.exitCode === null) child.kill('SIGKILL')
  }
}

async function untilNone(what: () => readonly number[]): Promise<readonly number[]> {
  const end = Date.now() + limitSeconds * 1000
  while (what().length > 0 && Date.now() < end) await Bun.sleep(20)
  return what()
}

function pointOf(): Kill {
  const kind = random()
  if (kind < 0.3) return { afterStartOf: slow[Math.floor(random() * slow.length)] as string }
  if (kind < 0.6) return { afterEvents: 1 + Math.floor(random() * undisturbed.events) }
  return { afterSeconds: random() * undisturbed.seconds }
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
      const ending = await run(calm)
      if (ending.exitCode !== 0) throw new Error(ending.text)
      undisturbed = { tree: calm.tree(), seconds: (performance.now() - began) / 1000, events: ending.events }
      await expectWhole(calm, ending)
      expect(calm.instances).toBeGreaterThanOrEqual(60)
    } finally {
      calm.remove()
    }

    const figures = { kills: 0, labs: 0, leftRunning: 0 }
    const killAndRepair = async () => {
      const lab = makeCrashLab(sshds)
      figures.labs++
      try {
        const inARow = 1 + Math.floor(random() * 6)
        for (let turn = 0; turn < inARow && figures.kills < kills; turn++) {
          const { wasKilled } = await run(lab, pointOf())
          if (!wasKilled) break
          figures.kills++
          if (lab.processes().length > 0) figures.leftRunning++
          // Now and then everything is to end by itself, with no next run to sweep.
          if (random() < 0.2) expect(await untilNone(lab.processes)).toEqual([])
        }
        await expectWhole(lab, await run(lab))
        expect(lab.tree()).toEqual(undisturbed.tree)
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
      `crash: ${figures.kills} kills in ${figures.labs} labs of ${calm.instances} instances; ${figures.leftRunning} times commands were still running at the kill; an undisturbed run took ${undisturbed.seconds.toFixed(1)} s`,
    )
  },
  Math.max(600_000, kills * 30_000),
)
