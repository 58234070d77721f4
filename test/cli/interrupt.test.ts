import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJournal } from '../../lib/event/journal.ts'
import { builtBinary } from '../build/binary.ts'
import { isAlive } from '../host/contract-stop.ts'
import { type Sshd, sshdPath, startSshd } from '../host/sshd.ts'

/** A closed terminal: kedge in a terminal of its own, of which the other end is closed when it has begun. */
const closedTerminal = `
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while not os.path.exists('started-1') or not os.path.exists('started-2'):
    os.read(terminal, 65536)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

const hasPython = Bun.which('python3') !== null
if (!hasPython) console.warn('skipped: a closed terminal, which python3 makes')

describe.if(sshdPath !== undefined)('an interrupted run, here and on a node', () => {
  let sshd: Sshd
  let folder: string
  const labs: Lab[] = []
  beforeAll(async () => {
    builtBinary()
    sshd = await startSshd()
    folder = mkdtempSync(join(tmpdir(), 'kedge-interrupt-'))
    mkdirSync(join(folder, '.ssh'))
    writeFileSync(join(folder, '.ssh/known_hosts'), `[127.0.0.1]:${sshd.port} ${sshd.hostKeyLine}\n`)
  }, 300_000)
  afterAll(async () => {
    for (const lab of labs) lab.clear()
    await sshd?.stop()
    if (folder) rmSync(folder, { recursive: true, force: true })
  }, 60_000)

  const newLab = (name: string) => {
    const lab = makeLab(join(folder, name), folder, sshd)
    labs.push(lab)
    return lab
  }

  // Each waits out the grace of what ignores SIGTERM, so they wait together.
  test('ends all that it began within 10 s, whatever the signal or whoever went away', async () => {
    const bySignal = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(async (signal) => {
      const lab = newLab(signal)
      const run = lab.run('run', 'all')
      const said = new Response(run.stderr).text()
      await lab.untilStarted()
      run.kill(signal)
      return { how: signal, lab, seconds: await lab.secondsUntilGone(), exitCode: await run.exited, said: await said }
    })
    const byPipe = async () => {
      const lab = newLab('pipe')
      const run = lab.run('run', 'all', '--json')
      const said = new Response(run.stderr).text()
      await lab.untilStarted()
      const reader = run.stdout.getReader()
      await reader.read()
      await reader.cancel()
      // It notices at its next line.
      writeFileSync(join(lab.folder, 'speak'), '')
      return { how: 'pipe', lab, seconds: await lab.secondsUntilGone(), exitCode: await run.exited, said: await said }
    }
    const byTerminal = async () => {
      const lab = newLab('terminal')
      writeFileSync(join(lab.folder, 'close.py'), closedTerminal)
      const python = Bun.spawn(['python3', join(lab.folder, 'close.py'), builtBinary(), 'run', 'all'], {
        cwd: lab.folder,
        env: lab.env,
        stderr: 'inherit',
      })
      await lab.untilStarted()
      const seconds = await lab.secondsUntilGone()
      return { how: 'terminal', lab, seconds, exitCode: Number(await new Response(python.stdout).text()), said: '' }
    }
    const all = await Promise.all([...bySignal, byPipe(), ...(hasPython ? [byTerminal()] : [])])
    for (const { how, lab, seconds, exitCode, said } of all) {
      expect({ how, exitCode, alive: lab.alive() }).toEqual({ how, exitCode: 130, alive: [] })
      // The promise is 10 s; a machine with more to do than it can may need longer for each step.
      expect({ how, seconds: Math.min(seconds, 40) }).toEqual({ how, seconds: expect.any(Number) })
      expect(seconds).toBeLessThan(30)
      if (how !== 'terminal') expect({ how, said }).toEqual({ how, said: expect.stringContaining('kedge run all') })
      expect({ how, ends: lab.journalEnds() }).toEqual({
        how,
        ends: [
          'task-skipped after interrupted',
          'task-skipped here interrupted',
          'task-skipped there interrupted',
          'run interrupted',
        ],
      })
      expect(existsSync(join(lab.folder, 'after'))).toBe(false)
    }
  }, 180_000)

  test('a second signal waits for nothing, here or there', async () => {
    const lab = newLab('twice')
    const run = lab.run('run', 'all')
    await lab.untilStarted()
    run.kill('SIGINT')
    await Bun.sleep(200)
    run.kill('SIGINT')
    expect(await run.exited).toBe(130)
    await lab.secondsUntilGone()
    expect(lab.alive()).toEqual([])
  }, 120_000)
})

type Lab = ReturnType<typeof makeLab>

/** A lab with a task here and one on a node; each starts processes that end when asked, and some that do not. */
function makeLab(folder: string, home: string, sshd: Sshd) {
  mkdirSync(folder)
  const family = (number: number) =>
    [
      `cd ${folder}`,
      `bash -c 'trap "" TERM INT HUP; echo $BASHPID >> pids-${number}; while :; do sleep 0.2; done' > /dev/null 2>&1 < /dev/null &`,
      `(sleep 1000 & echo $! >> pids-${number}; wait) &`,
      `echo $$ >> pids-${number}`,
      `while [ "$(wc -l < pids-${number})" -lt 3 ]; do sleep 0.05; done; touch started-${number}`,
      'while [ ! -e speak ]; do sleep 0.1; done; while :; do echo still here; sleep 0.1; done',
    ]
      .map((line) => `      ${line}\n`)
      .join('')
  writeFileSync(
    join(folder, 'kedge.config.yaml'),
    `version: 1
lab: stop
extends: none
nodes:
  far: { role: edge, ssh: { host: 127.0.0.1, port: ${sshd.port}, user: ${process.env.USER ?? 'root'}, key: ${sshd.keyPath} } }
tasks:
  here:
    on: hypervisor
    sh: |
${family(1)}
  there:
    on: far
    sh: |
${family(2)}
  after: { on: hypervisor, needs: [here, there], sh: 'touch after' }
`,
  )
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: home, TERM: 'xterm' }
  const pids = () =>
    [1, 2].flatMap((number) => {
      const path = join(folder, `pids-${number}`)
      return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').map(Number) : []
    })
  const alive = () => pids().filter(isAlive)
  const runs: Bun.Subprocess<'ignore', 'pipe', 'pipe'>[] = []
  return {
    folder,
    env,
    alive,
    run(...words: string[]) {
      const run = Bun.spawn([builtBinary(), ...words], {
        cwd: folder,
        env,
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
      })
      runs.push(run)
      return run
    },
    async untilStarted() {
      while (!existsSync(join(folder, 'started-1')) || !existsSync(join(folder, 'started-2'))) {
        const ended = runs.find(({ exitCode }) => exitCode !== null)
        if (ended) throw new Error(`kedge ended: ${await new Response(ended.stderr).text()}`)
        await Bun.sleep(20)
      }
    },
    async secondsUntilGone() {
      const began = performance.now()
      const seconds = () => (performance.now() - began) / 1000
      while (alive().length > 0 && seconds() < 60) await Bun.sleep(50)
      return seconds()
    },
    journalEnds() {
      const journal = openJournal(join(folder, '.kedge/stop/journal.sqlite'), { readOnly: true })
      try {
        const events = journal.events(journal.runs()[0]?.run ?? '')
        const last = events.at(-1)
        return [
          ...events
            .flatMap((event) => (event.type === 'task-skipped' ? [`${event.type} ${event.task} ${event.because}`] : []))
            .sort(),
          last?.type === 'run-finished' ? `run ${last.result}` : 'run without an end',
        ]
      } finally {
        journal.close()
      }
    },
    clear() {
      for (const run of runs) run.kill('SIGKILL')
      for (const pid of alive()) process.kill(pid, 'SIGKILL')
    },
  }
}
