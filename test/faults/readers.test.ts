import { afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Event } from '../../lib/event/event.ts'
import { builtBinary } from '../build/binary.ts'
import { type SshLab, sshLab, until } from './ssh-lab.ts'

/** Enough for a run that readers find at its beginning, in its middle and at its end. */
const count = 60
const tasks = Array.from(
  { length: count },
  (_, at) =>
    `  t${at}: { on: hypervisor, check: 'test -e ${at}.done', sh: 'echo says ${at}; sleep 0.05; touch ${at}.done' }\n`,
).join('')

let lab: SshLab
beforeAll(() => void builtBinary(), 300_000)
beforeEach(() => {
  lab = sshLab([], [builtBinary()])
  lab.config({}, tasks)
})
afterEach(() => lab.remove())

/** What each of them must be whenever it is asked; 2 is for a lab in which nothing has happened yet. */
async function read(isNew: boolean): Promise<void> {
  const codes = isNew ? [0, 2] : [0]
  const [status, report, logs] = await Promise.all([
    lab.kedge('status', '--json'),
    lab.kedge('report', '--json'),
    lab.kedge('logs'),
  ])
  expect({ stderr: status.stderr, exitCode: status.exitCode }).toEqual({ stderr: '', exitCode: 0 })
  expect(JSON.parse(status.stdout).instances).toHaveLength(count)
  for (const { stderr, exitCode } of [report, logs]) {
    expect({ stderr, isFine: codes.includes(exitCode) }).toMatchObject({ isFine: true })
    expect(stderr).toMatch(/^(kedge: lab faults has .*)?\n?$/)
  }
  if (report.exitCode === 0) JSON.parse(report.stdout)
}

test('readers of a lab that is being worked on find something whole at any time, from its very first run on', async () => {
  const run = lab.start('run', 'all', '--jobs', '1')
  let isOver = false
  const ended = run.ended.then((result) => {
    isOver = true
    return result
  })
  // Each of these loops meets the making of the state folder, the journal and the logs at moments of its own.
  const readers = [0, 1].map(async () => {
    while (!isOver) await read(true)
  })
  await until(() => existsSync(join(lab.folder, '.kedge/faults/runs')))
  const follower = lab.start('logs', '-f')
  await Promise.all(readers)
  const { exitCode, stderr } = await ended
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
  const followed = await follower.ended
  expect(followed.exitCode).toBe(0)
  for (let at = 0; at < count; at++) expect(followed.stdout).toContain(`   says ${at}\n`)
  await read(false)
}, 300_000)

test('wherever a run is killed: its events are whole lines up to the cut, and readers tell what was', async () => {
  for (const after of [1, 7, 40, 90]) {
    const run = Bun.spawn([builtBinary(), 'run', 'all', '--json', '--force', '--jobs', '4'], {
      cwd: lab.folder,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'ignore',
    })
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of run.stdout) {
      text += decoder.decode(chunk, { stream: true })
      if (text.split('\n').length > after) run.kill('SIGKILL')
    }
    await run.exited
    const lines = text.split('\n')
    const rest = lines.pop() ?? ''
    const events = lines.map((line) => JSON.parse(line) as Event)
    expect(events[0]?.type).toBe('run-started')
    expect(events.map(({ run }) => run)).toEqual(events.map(() => events[0]?.run as string))
    if (rest !== '') expect(rest).toStartWith('{"at":"')

    // The first one may be killed before anything is printed.
    await read(after === 1)
    const told = await lab.kedge('report', '--run', events[0]?.run as string, '--json')
    expect({ exitCode: told.exitCode, stderr: told.stderr }).toEqual({ exitCode: 0, stderr: '' })
    const followed = await lab.kedge('logs', '-f')
    expect([0, after === 1 ? 2 : 0]).toContain(followed.exitCode)
  }
  expect(await lab.kedge('run', 'all')).toMatchObject({ exitCode: 0 })
}, 300_000)
