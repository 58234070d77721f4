import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import fs, { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Event } from '../../lib/event/event.ts'
import { openJournal } from '../../lib/event/journal.ts'
import { lockLab } from '../../lib/event/lab-lock.ts'
import { logFile, logFiles } from '../../lib/event/log-files.ts'
import { type LogPart, logPart, logParts } from '../../lib/event/log-parts.ts'
import { createRecorder } from '../../lib/event/recorder.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kedge-journal-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const instance = { id: 'a@n', task: 'a', node: 'n', phase: 'configuration' } as const
const event = (body: Partial<Event> & Pick<Event, 'type'>, run = 'r1'): Event =>
  ({ at: '2026-01-01T00:00:00.000Z', run, ...body }) as Event
const started = (run: string) =>
  event({ type: 'run-started', lab: 'l', kedge: '0', instances: 1, jobs: 1, seed: 1, dryRun: false }, run)
const finished = (run: string) =>
  event({ type: 'run-finished', result: 'ok', seconds: 1, finished: 1, alreadyDone: 0, failed: 0, heldBack: 0 }, run)

describe('the journal', () => {
  test('gives back what it was given, also to a later process', () => {
    const path = join(folder, 'journal.sqlite')
    const journal = openJournal(path)
    const all = [started('r1'), event({ type: 'task-started', why: 'w', attempt: 1, ...instance }), finished('r1')]
    for (const each of all) journal.record(each)
    journal.close()
    const again = openJournal(path, { readOnly: true })
    expect(again.events('r1')).toEqual(all)
    expect(again.runs()).toEqual([{ run: 'r1', startedAt: '2026-01-01T00:00:00.000Z', result: 'ok' }])
    expect(again.events('r2')).toEqual([])
    again.close()
  })

  test('how a task ended counts until its node is removed, and anew from the next end on', () => {
    const journal = openJournal(join(folder, 'journal.sqlite'))
    const done = (node: string) =>
      journal.record(event({ type: 'task-finished', seconds: 1, ...instance, id: `a@${node}`, node }))
    for (const node of ['n', 'nn', 'hypervisor']) done(node)
    journal.noteRemoval(['n', 'hypervisor'], '2026-01-02T00:00:00.000Z')
    expect([...journal.lastEnds().keys()]).toEqual(['a@nn'])
    expect(journal.instances().toSorted()).toEqual(['a@hypervisor', 'a@n', 'a@nn'])
    expect(journal.runs()).toEqual([])
    done('n')
    expect([...journal.lastEnds().keys()].toSorted()).toEqual(['a@n', 'a@nn'])
    journal.close()
  })

  test('keeps neither output nor checks: those are in the logs', () => {
    const journal = openJournal(join(folder, 'journal.sqlite'))
    journal.record(event({ type: 'task-output', stream: 'stdout', text: 'hello', ...instance }))
    journal.record(event({ type: 'task-checking', ...instance }))
    expect(journal.events('r1')).toEqual([])
    journal.close()
  })

  test('an event outlives this process when record returns: a reader then has it', () => {
    const path = join(folder, 'journal.sqlite')
    const journal = openJournal(path)
    journal.record(started('r1'))
    const reader = openJournal(path, { readOnly: true })
    expect(reader.events('r1')).toHaveLength(1)
    reader.close()
    journal.close()
  })

  test('the first commit is flushed by SQLite, which makes the log last; later ones when somebody asks', async () => {
    const spy = spyOn(Database.prototype, 'query')
    const journal = openJournal(join(folder, 'journal.sqlite'))
    const writer = spy.mock.contexts[spy.mock.calls.findIndex(([sql]) => sql.startsWith('INSERT'))] as Database
    spy.mockRestore()
    const flushes = spyOn(fs, 'fdatasync')
    expect(writer.query('PRAGMA synchronous').get()).toEqual({ synchronous: 2 })
    expect(writer.query('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    await journal.onDisk()
    expect(flushes).toHaveBeenCalledTimes(0)
    journal.record(started('r1'))
    expect(writer.query('PRAGMA synchronous').get()).toEqual({ synchronous: 1 })
    journal.record(finished('r1'))
    await Promise.all([journal.onDisk(), journal.onDisk(), journal.onDisk()])
    expect(flushes).toHaveBeenCalledTimes(2)
    flushes.mockRestore()
    journal.close()
  })

  test('a run without an end has no result, and the newest run comes first', () => {
    const journal = openJournal(join(folder, 'journal.sqlite'))
    for (const each of [started('r1'), finished('r1'), started('r2')]) journal.record(each)
    expect(journal.runs().map(({ run, result }) => [run, result])).toEqual([
      ['r2', undefined],
      ['r1', 'ok'],
    ])
    journal.close()
  })

  test('knows how each instance last ended', () => {
    const journal = openJournal(join(folder, 'journal.sqlite'))
    const failure = { kind: 'command', message: 'no' } as const
    journal.record(event({ type: 'task-finished', seconds: 1, ...instance }, 'r1'))
    journal.record(event({ type: 'task-failed', seconds: 1, failure, ...instance }, 'r2'))
    journal.record(event({ type: 'task-skipped', because: 'interrupted', seconds: 0, ...instance }, 'r3'))
    expect(journal.lastEnds().get('a@n')).toMatchObject({ type: 'task-failed', run: 'r2' })
    journal.close()
  })

  test('knows what was last seen of each instance; to have been held back or stopped is no sight', () => {
    const journal = openJournal(join(folder, 'journal.sqlite'))
    const see = (body: Partial<Event> & Pick<Event, 'type'>, run: string) => {
      journal.record(event({ ...instance, ...body } as Parameters<typeof event>[0], run))
      const seen = journal.lastKnown().get('a@n')
      return seen && `${seen.type} ${seen.run}`
    }
    expect(see({ type: 'task-skipped', because: 'dependency-failed', seconds: 0 }, 'r1')).toBeUndefined()
    expect(see({ type: 'task-started', why: 'w', attempt: 1 }, 'r2')).toBe('task-started r2')
    expect(see({ type: 'task-finished', seconds: 1 }, 'r3')).toBe('task-finished r3')
    expect(see({ type: 'task-skipped', because: 'interrupted', seconds: 0 }, 'r4')).toBe('task-finished r3')
    expect(see({ type: 'task-pending', why: 'w', seconds: 0 }, 'r5')).toBe('task-pending r5')
    expect(journal.lastDone().get('a@n')?.run).toBe('r3')
    expect(see({ type: 'task-skipped', because: 'already-done', seconds: 0 }, 'r6')).toBe('task-skipped r6')
    expect(see({ type: 'task-failed', seconds: 0, failure: { kind: 'bug', message: 'm' } }, 'r7')).toBe(
      'task-failed r7',
    )
    expect(journal.lastDone().get('a@n')?.run).toBe('r6')
    journal.noteRemoval(['n'], '2026-01-02T00:00:00.000Z')
    expect(journal.lastKnown().size).toBe(0)
    expect(journal.lastDone().size).toBe(0)
    journal.close()
  })

  test('one that was cut to nothing has no runs for those who read it, and is made anew by who writes', () => {
    const path = join(folder, 'journal.sqlite')
    writeFileSync(path, '')
    const empty = openJournal(path, { readOnly: true })
    expect([empty.runs(), empty.events('r1'), empty.instances(), empty.lab()]).toEqual([[], [], [], undefined])
    empty.close()
    const journal = openJournal(path)
    journal.record(started('r1'))
    journal.close()
    const again = openJournal(path, { readOnly: true })
    expect(again.events('r1')).toEqual([started('r1')])
    again.close()
  })

  test('one that a newer kedge wrote is left alone', () => {
    const path = join(folder, 'journal.sqlite')
    new Database(path, { create: true }).run('PRAGMA user_version = 99')
    expect(() => openJournal(path)).toThrow(/newer kedge/)
  })
})

describe('the lock of a lab', () => {
  const module = JSON.stringify(join(import.meta.dir, '../../lib/event/lab-lock.ts'))

  test('has one holder, who says who it is, and is free again afterwards', () => {
    const first = lockLab(folder, 'kedge run all')
    const second = lockLab(folder, 'kedge destroy')
    expect(first.ok).toBe(true)
    expect(second).toMatchObject({ ok: false, holder: { pid: process.pid, command: 'kedge run all' } })
    if (first.ok) first.release()
    const third = lockLab(folder, 'kedge run all')
    expect(third.ok).toBe(true)
    if (third.ok) third.release()
  })

  test('marks of killed holders are handed on until nothing of them runs anywhere', async () => {
    const script = `(await import(${module})).lockLab(${JSON.stringify(folder)}, 'kedge run all', 'kedge-killed.'); process.kill(process.pid, 'SIGKILL')`
    await Bun.spawn([process.execPath, '-e', script]).exited
    const marksOnce = (isSwept?: boolean) => {
      const lock = lockLab(folder, 'kedge run a', 'kedge-mine.')
      if (lock.ok) lock.release(isSwept)
      return lock.ok && lock.marksOfKilled
    }
    expect(marksOnce()).toEqual(['kedge-killed.'])
    expect(marksOnce(true)).toEqual(['kedge-killed.'])
    expect(marksOnce()).toEqual([])
  })

  test('goes with the folder of a lab that is forgotten, after a kill as well; who waited for it has not got it', async () => {
    const lab = join(folder, 'lab')
    mkdirSync(lab)
    const script = `(await import(${module})).lockLab(${JSON.stringify(lab)}, 'kedge run all', 'kedge-killed.'); process.kill(process.pid, 'SIGKILL')`
    await Bun.spawn([process.execPath, '-e', script]).exited
    const lock = lockLab(lab, 'kedge destroy --purge')
    if (!lock.ok) throw new Error('the lock of a killed holder')
    expect(lock.marksOfKilled).toEqual(['kedge-killed.'])
    const waiting = `
      import { rmSync } from 'node:fs'
      import { Database } from 'bun:sqlite'
      const { run } = Database.prototype
      Database.prototype.run = function (text) {
        const result = run.call(this, text)
        if (text === 'BEGIN EXCLUSIVE') rmSync(${JSON.stringify(lab)}, { recursive: true })
        return result
      }
      console.log(JSON.stringify((await import(${module})).lockLab(${JSON.stringify(lab)}, 'kedge run all')))`
    lock.purge()
    lock.release()
    expect(existsSync(lab)).toBe(false)
    mkdirSync(lab)
    const late = Bun.spawn([process.execPath, '-e', waiting], { stdout: 'pipe' })
    expect(await new Response(late.stdout).json()).toEqual({ ok: false })
  })

  test('stays with a holder that has let go of its answer, and goes with one that is killed', async () => {
    const script = `
      const { lockLab } = await import(${module})
      const isOurs = (() => lockLab(${JSON.stringify(folder)}, 'kedge run all').ok)()
      await Bun.sleep(1)
      Bun.gc(true)
      console.log(isOurs)
      setInterval(() => {}, 1000)`
    const holder = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe' })
    try {
      const reader = holder.stdout.getReader()
      expect(new TextDecoder().decode((await reader.read()).value)).toBe('true\n')
      expect(lockLab(folder, 'me')).toMatchObject({ ok: false, holder: { pid: holder.pid } })
    } finally {
      holder.kill('SIGKILL')
      await holder.exited
    }
    const lock = lockLab(folder, 'me')
    expect(lock.ok).toBe(true)
    if (lock.ok) lock.release()
  })
})

test('each instance has a log of its own that nobody else can read', async () => {
  const report = logFiles(folder)
  report(event({ type: 'task-started', why: 'because', attempt: 1, ...instance }))
  report(event({ type: 'task-output', stream: 'command', text: 'swapoff --all', ...instance }))
  report(event({ type: 'task-output', stream: 'stderr', text: 'oops', ...instance }))
  report(event({ type: 'task-finished', seconds: 1.25, ...instance }))
  const path = logFile(folder, 'r1', 'a@n')
  const lines = (await Bun.file(path).text())
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^\S+ /, ''))
  expect(lines).toEqual(['# started, attempt 1: because', '$ swapoff --all', '! oops', '# done after 1.3 s'])
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('of a log that is too long the beginning and the end are kept, in whole lines, and where each part stood is known', () => {
  const report = logFiles(folder, { headBytes: 400, partBytes: 200 })
  const texts = Array.from({ length: 200 }, (_, at) => `line ${at}`)
  for (const text of texts) report(event({ type: 'task-output', stream: 'stdout', text, ...instance }))
  const runFolder = join(folder, 'runs/r1')
  const parts = logParts(runFolder).get('a@n') ?? []
  const lengths = parts.map(({ path }) => statSync(path).size)
  expect(parts.map(({ path, offset }) => path === logPart(runFolder, 'a@n', offset))).toEqual([true, true, true])
  expect(lengths[0]).toBeWithin(400, 450)
  expect(lengths[1]).toBeWithin(200, 250)
  const linesOf = (part: number) =>
    readFileSync((parts[part] as LogPart).path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^\S+ {3}/, ''))
  expect(linesOf(0)).toEqual(texts.slice(0, linesOf(0).length))
  const end = [...linesOf(1), ...linesOf(2)]
  expect(end).toEqual(texts.slice(-end.length))
  // Offsets are in bytes of all that was printed: the rest is what is between.
  expect(parts[2]?.offset).toBe((parts[1]?.offset ?? 0) + (lengths[1] ?? 0))
  const printed = texts.reduce((sum, text) => sum + `${event({} as never).at}   ${text}\n`.length, 0)
  expect((parts[2]?.offset ?? 0) + (lengths[2] ?? 0)).toBe(printed)
  for (const { path } of parts) expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a reporter that throws is dropped, once, and the others go on', () => {
  const seen: string[] = []
  const dropped: unknown[] = []
  const emit = createRecorder(
    'r',
    () => new Date(0),
    (each) => void seen.push(`journal ${each.type}`),
    [
      () => {
        throw new Error('broken display')
      },
      (each) => void seen.push(`reporter ${each.type}`),
    ],
    (error) => void dropped.push(error),
  )
  emit({ type: 'task-checking', ...instance })
  emit({ type: 'task-checking', ...instance })
  expect(seen).toEqual([
    'journal task-checking',
    'reporter task-checking',
    'journal task-checking',
    'reporter task-checking',
  ])
  expect(dropped).toHaveLength(1)
})
