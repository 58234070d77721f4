import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Event } from '../../lib/event/event.ts'
import { builtBinary, runIn } from '../build/binary.ts'
import { isAlive } from '../host/contract-stop.ts'

let lab: string
beforeAll(() => void builtBinary(), 120_000)
beforeEach(() => {
  lab = mkdtempSync(join(tmpdir(), 'kedge-plain-'))
})
afterEach(() => rmSync(lab, { recursive: true, force: true }))

const config = (tasks: string) =>
  writeFileSync(join(lab, 'kedge.config.yaml'), `version: 1\nlab: plain\nextends: none\ntasks:\n${tasks}`)
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
const kedge = (...words: string[]) => runIn(lab, [builtBinary(), ...words], env)
const eventsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)
const ends = (stdout: string) =>
  eventsOf(stdout).flatMap((event) =>
    /finished|failed|skipped/.test(event.type) && 'id' in event ? [`${event.type} ${event.id}`] : [],
  )

const pidIn = (file: string) => Number(readFileSync(join(lab, file), 'utf8'))

describe('with extends: none kedge is a plain task runner', () => {
  test('each thing is done once, and a second run finds it done', () => {
    config(`
  a: { on: hypervisor, sh: 'echo a >> log', check: 'grep -q a log' }
  b: { on: hypervisor, needs: [a], sh: 'echo b >> log', check: 'grep -q b log' }
`)
    const first = kedge('run', 'all', '--json')
    expect(first.exitCode).toBe(0)
    expect(ends(first.stdout)).toEqual(['task-finished a@hypervisor', 'task-finished b@hypervisor'])
    const second = kedge('run', 'all', '--json')
    expect(ends(second.stdout)).toEqual(['task-skipped a@hypervisor', 'task-skipped b@hypervisor'])
    expect(readFileSync(join(lab, 'log'), 'utf8')).toBe('a\nb\n')
  })

  test('what two checks ask in the same words is asked once, while nothing changes', () => {
    const check = "check: 'echo x >> asked; test -e made'"
    config(`
  a: { on: hypervisor, sh: 'touch made', ${check} }
  b: { on: hypervisor, needs: [a], sh: 'false', ${check} }
`)
    const asked = () => readFileSync(join(lab, 'asked'), 'utf8').split('\n').length - 1
    expect(kedge('run', 'all').exitCode).toBe(0)
    // Before and after what a does, and then what b asks.
    expect(asked()).toBe(3)
    expect(kedge('run', 'all').exitCode).toBe(0)
    expect(asked()).toBe(4)
    expect(kedge('plan').exitCode).toBe(0)
    expect(asked()).toBe(5)
  })

  test('in a lab that stands a check need not wait for the one before it', () => {
    // Once all is made, a's check waits until b's has been asked: half a minute, then it says no.
    const waits =
      'test -e made-a; for ((i = 0; i < 600; i++)); do if [ ! -e made-b ] || [ -e asked-b ]; then exit 0; fi; sleep 0.05; done; exit 1'
    config(`
  a: { on: hypervisor, sh: 'touch made-a', check: '${waits}' }
  b: { on: hypervisor, needs: [a], sh: 'touch made-b', check: 'echo x >> asked-b; test -e made-b' }
`)
    expect(kedge('run', 'all').exitCode).toBe(0)
    for (const words of [['run', 'all'], ['plan'], ['status']]) {
      rmSync(join(lab, 'asked-b'))
      const { exitCode, stdout } = kedge(...words)
      expect([words, exitCode, stdout.includes('drifted')]).toEqual([words, 0, false])
      expect(existsSync(join(lab, 'asked-b'))).toBeTrue()
    }
  })

  test('without VMs there is no bundle to detach, and libvirt is not asked', () => {
    config("  a: { on: hypervisor, sh: 'true' }\n")
    expect(kedge('bundle', 'detach')).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('lab plain has no VM'),
    })
  })

  test('events stand alone on stdout, one JSON object a line, with what the contract names', () => {
    config("  a: { on: hypervisor, sh: 'echo hello' }\n")
    const events = eventsOf(kedge('run', 'a', '--json').stdout)
    expect(events[0]).toMatchObject({ type: 'run-started', lab: 'plain', instances: 1 })
    for (const event of events)
      expect(event).toMatchObject({ at: expect.stringMatching(/^\d{4}-.*Z$/), run: events[0]?.run })
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'task-output',
        stream: 'stdout',
        text: 'hello',
        id: 'a@hypervisor',
        task: 'a',
        node: 'hypervisor',
        phase: 'configuration',
      }),
    )
    expect(events.at(-1)).toMatchObject({ type: 'run-finished', result: 'ok', finished: 1 })
  })

  test('a failure: exit 5, its dependents held back, its neighbours done, and the summary says what to type', () => {
    config(`
  bad: { on: hypervisor, sh: 'echo the disk is full >&2; exit 28' }
  after: { on: hypervisor, needs: [bad], sh: 'touch after' }
  beside: { on: hypervisor, sh: 'touch beside' }
`)
    const { exitCode, stderr } = kedge('run', 'all')
    expect(exitCode).toBe(5)
    expect(existsSync(join(lab, 'after'))).toBe(false)
    expect(existsSync(join(lab, 'beside'))).toBe(true)
    for (const text of ['bad@hypervisor', '28', 'the disk is full', 'kedge logs bad@hypervisor', 'kedge run all']) {
      expect(stderr).toContain(text)
    }
    expect(kedge('logs', 'bad').stdout).toContain('! the disk is full')
    // As it stands there, by a kedge that is not in the PATH.
    const next = /^ {2}next +(.+)$/m.exec(stderr)?.[1] ?? ''
    expect(runIn(lab, ['sh', '-c', next], env)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('disk is full'),
    })
  })

  test('a timeout ends the command and its children', async () => {
    config("  slow: { on: hypervisor, sh: 'sleep 300 & echo $! > pid; wait', timeout: 3s }\n")
    const { exitCode, stderr } = kedge('run', 'all')
    expect(exitCode).toBe(5)
    expect(stderr).toContain('timeout of 3 s')
    expect(isAlive(pidIn('pid'))).toBe(false)
  })

  test('commands run in the folder of the file, wherever kedge was started, with the env of the task', () => {
    config("  a: { on: hypervisor, env: { GREETING: 'good day' }, sh: 'printf %s \"$GREETING\" > out' }\n")
    const { exitCode } = runIn('/', [builtBinary(), '-c', join(lab, 'kedge.config.yaml'), 'run', 'a'], env)
    expect(exitCode).toBe(0)
    expect(readFileSync(join(lab, 'out'), 'utf8')).toBe('good day')
  })

  test('--dry-run and plan look and change nothing', () => {
    config("  a: { on: hypervisor, sh: 'touch made', check: 'test -e made' }\n")
    expect(kedge('run', 'all', '--dry-run').exitCode).toBe(0)
    expect(kedge('plan').stdout).toContain('+ a ')
    expect(existsSync(join(lab, 'made'))).toBe(false)
    kedge('run', 'all')
    expect(kedge('plan').stdout).toContain('= 1 done')
    expect(kedge('status', '--json').stdout).toContain('"state": "done"')
  })

  test('what was done and is so no longer is drift', () => {
    config("  a: { on: hypervisor, sh: 'touch made', check: 'test -e made' }\n")
    kedge('run', 'all')
    rmSync(join(lab, 'made'))
    expect(kedge('status').stdout).toMatch(/a\s+drifted/)
  })

  test('the report adds up', () => {
    config("  a: { on: hypervisor, phase: installation, sh: 'sleep 0.3; touch made', check: 'test -e made' }\n")
    kedge('run', 'all')
    kedge('run', 'all')
    const report = JSON.parse(kedge('report', '--json').stdout)
    expect(report.wallSeconds).toBeGreaterThan(0.29)
    expect(kedge('report', '--format', 'csv').stdout).toContain('a')
    expect(kedge('report', '--run', 'nosuch').exitCode).toBe(2)
  })
})

describe('one writer', () => {
  test('the second run says who holds the lab, exit 6, and readers go on', async () => {
    config(
      "  a: { on: hypervisor, sh: 'touch started; while [ ! -e go ]; do sleep 0.05; done', check: 'test -e go' }\n",
    )
    const first = Bun.spawn([builtBinary(), 'run', 'all'], { cwd: lab, env, stderr: 'ignore' })
    while (!existsSync(join(lab, 'started'))) await Bun.sleep(20)
    const second = kedge('run', 'all')
    expect(second.exitCode).toBe(6)
    expect(second.stderr).toContain(`process ${first.pid}`)
    expect(kedge('status').exitCode).toBe(0)
    expect(kedge('logs', 'a').exitCode).toBe(0)
    writeFileSync(join(lab, 'go'), '')
    expect(await first.exited).toBe(0)
  })
})

describe('Ctrl-C', () => {
  test('ends what runs with its children, starts nothing new, exit 130, and says how to go on', async () => {
    config(`
  a: { on: hypervisor, sh: 'sleep 300 & echo $! > pid; touch started; wait' }
  b: { on: hypervisor, needs: [a], sh: 'touch b' }
`)
    const run = Bun.spawn([builtBinary(), 'run', 'all'], { cwd: lab, env, stderr: 'pipe' })
    while (!existsSync(join(lab, 'started'))) await Bun.sleep(20)
    run.kill('SIGINT')
    expect(await run.exited).toBe(130)
    const text = await new Response(run.stderr).text()
    expect(text).toContain('kedge run all')
    expect(isAlive(pidIn('pid'))).toBe(false)
    expect(existsSync(join(lab, 'b'))).toBe(false)
  })

  test('a second one ends at once, even with a command that does not want to end', async () => {
    config(
      '  a: { on: hypervisor, sh: \'trap "" TERM INT; echo $$ > pid; touch started; while :; do sleep 0.1; done\' }\n',
    )
    const run = Bun.spawn([builtBinary(), 'run', 'all'], { cwd: lab, env, stderr: 'ignore' })
    while (!existsSync(join(lab, 'started'))) await Bun.sleep(20)
    run.kill('SIGINT')
    await Bun.sleep(300)
    run.kill('SIGINT')
    expect(await run.exited).toBe(130)
    while (isAlive(pidIn('pid'))) await Bun.sleep(20)
  })
})
