import { afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtBinary, resultOf } from '../build/binary.ts'

const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
let folder: string
const started: Bun.Subprocess[] = []
beforeAll(() => void builtBinary(), 300_000)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kedge-writer-'))
  writeFileSync(
    join(folder, 'kedge.config.yaml'),
    `version: 1
lab: held
extends: none
tasks:
  first: { on: hypervisor, sh: 'echo one; touch started; while [ ! -e go ]; do sleep 0.05; done; echo two', check: 'test -e go' }
  second: { on: hypervisor, needs: [first], sh: 'echo three; touch done', check: 'test -e done' }
`,
  )
})
afterEach(async () => {
  // A command whose kedge was killed ends by this.
  writeFileSync(join(folder, 'go'), '')
  for (const process of started.splice(0)) {
    process.kill('SIGKILL')
    await process.exited
  }
  rmSync(folder, { recursive: true, force: true })
})

function begin(...words: string[]) {
  const process = Bun.spawn([builtBinary(), ...words], {
    cwd: folder,
    env,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  started.push(process)
  return process
}
const done = (...words: string[]) => resultOf(begin(...words))
async function untilStarted() {
  while (!existsSync(join(folder, 'started'))) await Bun.sleep(20)
}

test('while one runs, the second says who holds the lab and since when, and readers read; logs -f ends with the run', async () => {
  const began = new Date(Date.now() - 1000).toISOString()
  const run = begin('run', 'all')
  await untilStarted()
  const second = await done('run', 'all')
  expect(second).toMatchObject({ exitCode: 6, stdout: '' })
  const said = /`kedge run all`, process (\d+) on (\S+), since (\S+)/.exec(second.stderr)
  expect([Number(said?.[1]), said?.[2]]).toEqual([run.pid, hostname()])
  expect([began, said?.[3] ?? '', new Date().toISOString()].toSorted()[1]).toBe(said?.[3] ?? '')

  expect(await done('status')).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/first +pending/) })
  expect(await done('report')).toMatchObject({ exitCode: 0 })
  const all = begin('logs', '-f')
  // A task that has not begun yet is waited for.
  const later = begin('logs', 'second', '-f')
  const lines = new Response(all.stdout).text()
  const laterLines = new Response(later.stdout).text()
  writeFileSync(join(folder, 'go'), '')
  expect(await run.exited).toBe(0)
  expect([await all.exited, await later.exited]).toEqual([0, 0])
  for (const text of ['  one', '  two', '  three']) expect(await lines).toContain(text)
  expect(await laterLines).toContain('  three')
  expect(await laterLines).not.toContain('  two')
}, 60_000)

test('a run that was killed holds nothing, though it left its name behind; whoever followed its log is let go', async () => {
  const run = begin('run', 'all')
  await untilStarted()
  const follower = begin('logs', '-f')
  const lines = follower.stdout.getReader()
  await lines.read()
  run.kill('SIGKILL')
  await run.exited
  expect(await follower.exited).toBe(0)
  const holder = join(folder, '.kedge/held/holder.json')
  expect(JSON.parse(readFileSync(holder, 'utf8'))).toMatchObject({ pid: run.pid })
  expect(statSync(holder).mode & 0o777).toBe(0o600)
  // Its number may belong to somebody else by now, and that one holds nothing either.
  writeFileSync(
    holder,
    JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString(), command: 'x' }),
  )
  writeFileSync(join(folder, 'go'), '')
  expect(await done('run', 'all')).toMatchObject({ exitCode: 0 })
}, 60_000)

test('logs -f of a run that has ended shows it and ends; Ctrl-C ends it before', async () => {
  const run = begin('run', 'all')
  await untilStarted()
  const follower = begin('logs', '-f')
  await follower.stdout.getReader().read()
  follower.kill('SIGINT')
  expect(await follower.exited).toBe(130)
  writeFileSync(join(folder, 'go'), '')
  expect(await run.exited).toBe(0)
  expect(await done('logs', '-f')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('three') })
}, 60_000)
