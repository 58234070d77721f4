import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { endLeftovers } from '../../lib/host/guard.ts'
import { isAlive, untilDead } from './contract-stop.ts'
import { type Sshd, sshdPath, startSshd } from './sshd.ts'

// A busy machine takes its time to start a program.
setDefaultTimeout(120_000)

const program = join(import.meta.dir, 'programs/guarded.ts')

/** Kills a program in the middle of its last command, which has written the number of a process to each of the files. */
async function killWhileRunning(
  where: string,
  script: (folder: string) => readonly string[],
  names: readonly string[],
) {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-killed-'))
  const child = Bun.spawn([process.execPath, program, where, ...script(folder)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  try {
    const isThere = (name: string) => existsSync(join(folder, name)) && readFileSync(join(folder, name), 'utf8') !== ''
    while (!names.every(isThere)) {
      if (child.exitCode !== null) throw new Error('it ended by itself')
      await Bun.sleep(10)
    }
    guards = guardsOf(child.pid, where)
    return names.map((name) => Number(readFileSync(join(folder, name), 'utf8')))
  } finally {
    child.kill('SIGKILL')
    await child.exited
    rmSync(folder, { recursive: true, force: true })
  }
}

let guards: readonly number[] = []

/** Of a program on this machine, or of a connection to that sshd. */
function guardsOf(parent: number, where: string): readonly number[] {
  const port = where.split('|')[1]
  return readdirSync('/proc').flatMap((name) => {
    try {
      const text = (file: string) => readFileSync(`/proc/${name}/${file}`, 'latin1')
      const isGuard = /^bash\0.*(sweep kedge-|kedge-guard)/s.test(text('cmdline'))
      const isOurs = port
        ? text('environ').includes(` 127.0.0.1 ${port}\0`)
        : new RegExp(`\\) [^Z] ${parent} `).test(text('stat'))
      return isGuard && isOurs ? [Number(name)] : []
    } catch {
      // No process, or one that has ended meanwhile.
      return []
    }
  })
}

/** When the guard has done its work. A test that fails leaves nothing behind. */
async function ended(pids: readonly number[]) {
  try {
    expect(guards).toHaveLength(1)
    await untilDead([...pids, ...guards])
  } finally {
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  }
}

const isRoot = userInfo().uid === 0
const places: readonly (readonly [string, (sshd: Sshd | undefined) => string])[] = [
  ['this machine', () => 'local'],
  ['a machine over SSH', (sshd) => `${sshd?.hostKeyLine}|${sshd?.port}|${sshd?.keyPath}`],
]

describe.if(sshdPath !== undefined && isRoot)('a program is killed, and its guard ends what still runs', () => {
  let sshd: Sshd
  beforeAll(async () => {
    sshd = await startSshd()
  })
  afterAll(async () => await sshd.stop())

  for (const [name, where] of places) {
    test(`on ${name}: a command, and a child that does not listen`, async () => {
      const pids = await killWhileRunning(
        where(sshd),
        (folder) => [
          `(trap "" TERM HUP; echo $BASHPID > ${folder}/child; exec sleep 300) & echo $$ > ${folder}/shell; wait`,
        ],
        ['child', 'shell'],
      )
      await ended(pids)
    })

    test(`on ${name}: what a shell leaves that wrote to the killed program and is gone before anybody looks`, async () => {
      const pids = await killWhileRunning(
        where(sshd),
        (folder) => [`sleep 300 & echo $! > ${folder}/child; while :; do echo much; done`],
        ['child'],
      )
      await ended(pids)
    })

    test(`on ${name}: what a finished command left, and a session of its own, stay`, async () => {
      const [left = 0, service = 0, running = 0] = await killWhileRunning(
        where(sshd),
        (folder) => [
          `sleep 300 < /dev/null > /dev/null 2>&1 & echo $! > ${folder}/left`,
          `setsid sleep 300 < /dev/null > /dev/null 2>&1 & echo $! > ${folder}/service; sleep 300 & echo $! > ${folder}/running; wait`,
        ],
        ['left', 'service', 'running'],
      )
      try {
        await ended([running])
        expect([left, service].map(isAlive)).toEqual([true, true])
      } finally {
        for (const pid of [left, service]) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
      }
    })
  }

  test('who comes next has the grace waited for that the guard gives to what has lost its shell', async () => {
    const [child = 0, shell = 0] = await killWhileRunning(
      'local',
      (folder) => [
        `(trap "" TERM HUP; echo $BASHPID > ${folder}/child; exec sleep 300) & echo $$ > ${folder}/shell; wait`,
      ],
      ['child', 'shell'],
    )
    try {
      const mark = /KEDGE_COMMAND=(kedge-[0-9a-f]{16}\.)/.exec(readFileSync(`/proc/${child}/environ`, 'latin1'))?.[1]
      await untilDead([shell])
      await endLeftovers([mark ?? ''])
      expect(isAlive(child)).toBe(false)
    } finally {
      if (isAlive(child)) process.kill(child, 'SIGKILL')
    }
  })
})
