import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runIn } from '../build/binary.ts'
import { until } from '../faults/ssh-lab.ts'
import { expectGolden } from '../report/expect-golden.ts'
import { hasTmux, type TmuxServer, tmuxServer } from '../report/tmux.ts'

const main = join(import.meta.dir, '../../lib/cli/main.ts')

/** `slow` waits for a file, `broken` fails until there is one, and what it prints has a secret of the lab in it. */
const config = `version: 1
lab: bench
extends: none
tasks:
  prepare: { on: hypervisor, sh: 'echo ready > prepared', check: 'test -e prepared' }
  slow:
    on: hypervisor
    needs: [prepare]
    sh: 'echo "a line that is much longer than forty columns and says what is going on"; while [ ! -e go ]; do sleep 0.05; done; touch slowed'
    check: 'test -e slowed'
  broken:
    on: hypervisor
    needs: [prepare]
    script: ./broken.ts
  after: { on: hypervisor, needs: [broken], sh: 'touch after', check: 'test -e after' }
`
const broken = `
export default {
  description: 'Fails until there is a cure',
  check: async ({ $ }) => ((await $\`test -e cured\`.nothrow()).exitCode === 0 ? { done: true } : { done: false, why: 'no cure' }),
  run: async ({ $, secret }) => {
    const token = secret('hunter2-hunter2')
    await $\`echo "first line"; echo "token is \${token}"; test -e go-on || exit 3\`
    await $\`touch cured\`
  },
}
`

let folder = ''
let at: TmuxServer
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'kedge-terminal-')))
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin/kedge'), `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`)
  chmodSync(join(folder, 'bin/kedge'), 0o755)
  writeFileSync(join(folder, 'kedge.config.yaml'), config)
  writeFileSync(join(folder, 'broken.ts'), broken)
  at = tmuxServer()
})
afterEach(() => {
  writeFileSync(join(folder, 'go'), '')
  at.end()
  rmSync(folder, { recursive: true, force: true })
})

const make = (name: string) => writeFileSync(join(folder, name), '')
const path = () => `${join(folder, 'bin')}:/usr/bin:/bin`
/** In a terminal with a shell's prompt before and after; the exit code is printed at the end. */
function typed(columns: number, rows: number, command: string, env = 'LANG=C.UTF-8'): void {
  const script = `cd ${folder}; export PATH=${path()} ${env}; unset CI NO_COLOR LC_ALL; trap : INT; echo '$ ${command}'; ${command}; echo "exit $?"; cat`
  at.start(columns, rows, script)
}
const shows = (text: string | RegExp) => until(() => at.screen().search(text) >= 0)
/** What differs from run to run is taken out: seconds, and a run's id. */
const steady = (text: string): string =>
  `${text
    .replace(/ +\d:\d\d/g, (clock) => '0:00'.padStart(clock.length))
    .replace(/\b\d+(\.\d)? s\b/g, 'N s')
    .replace(/\b\d{8}[T-]?\d{6}[\w-]*/g, 'RUN')
    .replace(/ +$/gm, '')
    .trimEnd()}\n`

describe.skipIf(!hasTmux)('kedge run in a terminal', () => {
  test('a failure, a resize, and the end, whose commands can be typed as they stand there', async () => {
    typed(80, 24, 'kedge run all')
    await shows(/✖ broken@hypervisor .*\n {2}hypervisor {2}slow .*much longer than/)
    const running = at.screen()
    expect(running).toContain('time left unknown')
    expect(running).toContain('✔ hypervisor  prepare ')
    expect(running).toContain('1 failed')

    at.resize(60, 20)
    // The line of what runs is cut to the new width, and the old one is gone.
    await shows(/\n {2}hypervisor {2}slow .{1,45}…\n/)
    expect(at.screen().split('hypervisor  slow').length).toBe(2)
    at.resize(80, 24)
    await shows(/\n {2}hypervisor {2}slow .{50,}…\n/)
    make('go')
    await shows('exit 5')
    const end = at.everything()
    await expectGolden('run-in-terminal-failed.txt', steady(end))
    expect(end).not.toContain('hunter2')
    expect(end).toContain('token is ***')

    const log = /^ {2}log +(\S+)$/m.exec(end)?.[1]
    expect(existsSync(join(folder, log ?? 'none'))).toBe(true)
    const commands = [...end.matchAll(/^ {2,}(?:next +)?(kedge .+)$/gm)].map(([, command]) => command ?? '')
    expect(commands).toEqual(['kedge logs broken@hypervisor', 'kedge run broken --on hypervisor', 'kedge run all'])
    make('go-on')
    for (const command of commands) {
      const { exitCode, stderr } = runIn(folder, ['sh', '-c', command], { PATH: path() })
      expect({ command, exitCode, stderr }).toMatchObject({ command, exitCode: 0 })
    }
    expect(existsSync(join(folder, 'after'))).toBe(true)
  }, 300_000)

  test('what is left is told by the last run; Ctrl-C says that it is stopping, and leaves no rubbish', async () => {
    for (const name of ['go', 'go-on']) make(name)
    expect(runIn(folder, ['kedge', 'run', 'all'], { PATH: path() }).exitCode).toBe(0)
    rmSync(join(folder, 'go'))
    typed(100, 24, 'kedge run all --skip after --force')
    await shows(/bench {2}2\/3 .*(left|longer than last time).*\n {2}hypervisor {2}slow .*much longer than/)
    expect(at.screen()).toMatch(
      /· about (?!0\.0 )[\d.]+( min \d\d)? s to go, by run \S+ of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/,
    )
    at.press('C-c')
    await shows('exit 130')
    const end = at.everything()
    expect(end).toMatch(/\n {2}cut off +slow on hypervisor\n/)
    expect(end).toContain('\n  kedge run all --skip after --force\n')
    expect(end).not.toContain('^C')
    expect(end).not.toContain('running')
    expect(at.showsCursor()).toBe(true)
  }, 300_000)

  test('suspended and going on: what others have written meanwhile is not drawn over', async () => {
    typed(80, 24, 'sh -c "echo \\$\\$ > pid; exec kedge run slow"')
    await shows(/\n {2}hypervisor {2}slow .*much longer than/)
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'))
    process.kill(pid, 'SIGSTOP')
    await until(() => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')))
    at.print('one\ntwo\nthree\n')
    await shows('three')
    // Nobody types `fg` sooner.
    await Bun.sleep(600)
    process.kill(pid, 'SIGCONT')
    await shows(/three\nbench .*\n {2}hypervisor {2}slow /)
    make('go')
    await shows('exit 0')
    expect(at.everything()).toMatch(/one\ntwo\nthree\n✔ hypervisor {2}slow +done in .*\nbench: done/)
  }, 300_000)

  test('TERM=dumb gets lines, and a terminal without UTF-8 nothing but ASCII', async () => {
    make('go')
    typed(80, 40, 'kedge run slow', 'LANG=C TERM=dumb')
    await shows('exit 0')
    expect(at.screen()).toMatch(/^ {3}\d:\d\d {2}2\/2 {2}hypervisor {2}slow {2,}done in/m)
    expect(at.screen()).toMatch(/^[\n -~]*$/)
  }, 300_000)
})
